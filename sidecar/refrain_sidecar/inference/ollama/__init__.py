"""The client of the Ollama HTTP API, which both engines speak."""
