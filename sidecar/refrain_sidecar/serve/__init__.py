"""`refrain serve`: a caching proxy in front of whatever speaks Ollama's API."""
