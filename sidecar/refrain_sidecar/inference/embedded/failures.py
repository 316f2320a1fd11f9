"""What can go wrong inside the engine, as the status and body a client is answered with."""

from __future__ import annotations

import logging
import secrets
from typing import Any

log = logging.getLogger(__name__)

_OPENAI_TYPES = {400: "invalid_request_error", 404: "not_found_error"}
_ANTHROPIC_TYPES = {
    **_OPENAI_TYPES,
    401: "authentication_error",
    503: "overloaded_error",
}


class EngineFailure(Exception):
    """An error answer: HTTP `status` and the `error` text of its body, in Ollama's wording."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class ContextExceeded(EngineFailure):
    """The prompt has more tokens than the context holds."""

    def __init__(self) -> None:
        super().__init__(400, "the input length exceeds the context length")


def failure_of(error: Exception) -> EngineFailure:
    """What a client is told of `error`; what nobody foresaw is logged too."""
    if isinstance(error, EngineFailure):
        return error
    if isinstance(error, RecursionError):
        return bad_request("the request is nested too deeply")
    log.error("an answer failed; the client is told", exc_info=error)
    return EngineFailure(500, f"the embedded engine failed: {error!r}")


def failure_body(failure: EngineFailure, path: str) -> dict[str, Any]:
    """The JSON a client is told `failure` with, in the form of the API that `path` is of."""
    said = {"message": failure.message}
    if path.startswith("/v1/messages"):
        kind = _ANTHROPIC_TYPES.get(failure.status, "api_error")
        request_id = f"req_{secrets.token_hex(12)}"
        return {"type": "error", "error": {"type": kind, **said}, "request_id": request_id}
    if path.startswith("/v1/"):
        kind = _OPENAI_TYPES.get(failure.status, "api_error")
        return {"error": {**said, "type": kind, "param": None, "code": None}}
    return {"error": failure.message}


def bad_request(message: str) -> EngineFailure:
    """A 400 with `message`."""
    return EngineFailure(400, message)


def model_not_found(name: str) -> EngineFailure:
    """Ollama's answer to the name of a model it does not have."""
    return EngineFailure(404, f"model '{name}' not found")


def busy() -> EngineFailure:
    """Ollama's answer when its queue is full."""
    return EngineFailure(503, "server busy, please try again.  maximum pending requests exceeded")
