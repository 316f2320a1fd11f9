"""What can go wrong between us and an engine. Catch `InferenceError` for all of it.

Every message names the thing, the cause and the next step, and never holds a person's text.
Cancelling is `asyncio.CancelledError`, as everywhere.
"""

from __future__ import annotations

from typing import ClassVar


class InferenceError(Exception):
    """An engine gave no usable answer.

    `code` is stable and short, for logs and the wire. `safe_to_repeat` says that sending the same
    request again can neither do harm nor repeat work that already reached us; `retry_after` is
    the wait in seconds the engine asked for, None if it named none.
    """

    code: ClassVar[str] = "inference_failed"

    def __init__(
        self, message: str, *, safe_to_repeat: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.safe_to_repeat = safe_to_repeat
        self.retry_after = retry_after


class EngineUnreachable(InferenceError):
    """No connection, or it was closed before the first byte of a reply."""

    code = "engine_unreachable"


class ModelMissing(InferenceError):
    """The engine answers, but does not have the model asked for."""

    code = "model_missing"


class EngineBusy(InferenceError):
    """The engine's queue is full (503)."""

    code = "engine_busy"


class RequestRefused(InferenceError):
    """The engine will not do what was asked (4xx); asking again will not help."""

    code = "request_refused"


class BrokenStream(InferenceError):
    """A reply began and did not end as the protocol says: cut, garbled, or without `done`."""

    code = "broken_stream"


class TimedOut(InferenceError):
    """The engine took longer for a token than the configuration allows."""

    code = "timed_out"


class EngineFailed(InferenceError):
    """The engine reported a failure of its own: 500, or an error in mid-stream."""

    code = "engine_failed"


class NoEngine(InferenceError):
    """Neither Ollama nor the embedded engine can answer; the message says what to do."""

    code = "no_engine"
