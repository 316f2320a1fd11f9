"""llama.cpp's token probabilities in Ollama's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Ollama's limit. Longer lists leave out `bytes` (optional in Ollama too), a third of their size.
OLLAMA_MAX = 20


def entry(probability: Mapping[str, Any], top: int) -> dict[str, Any]:
    """One generated token with its `top` likeliest, natural logarithms before any sampling."""
    made = _token(probability, with_bytes=True)
    if top:
        with_bytes = top <= OLLAMA_MAX
        made["top_logprobs"] = [
            _token(other, with_bytes) for other in probability["top_logprobs"][:top]
        ]
    return made


def _token(token: Mapping[str, Any], with_bytes: bool) -> dict[str, Any]:
    made = {"token": token["token"], "logprob": token["logprob"]}
    if with_bytes:
        made["bytes"] = token["bytes"]
    return made
