"""The embedded engine: llama.cpp in a child process, behind the subset of Ollama's HTTP API.

`EmbeddedProcess` (this side) starts, watches and stops the child; everything else here runs inside
it. Importing this package is cheap: the web stack and the native library load in the child only.
"""

from refrain_sidecar.inference.embedded.process import EmbeddedProcess, EmbeddedStartFailed

__all__ = ["EmbeddedProcess", "EmbeddedStartFailed"]
