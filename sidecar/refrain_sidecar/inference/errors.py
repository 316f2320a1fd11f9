"""What can go wrong between us and an engine. Catch `InferenceError` for all of it.

Every message names the thing, the cause and the next step, and never holds a person's text.
Cancelling is `asyncio.CancelledError`, as everywhere.
"""

from __future__ import annotations

from typing import ClassVar

from refrain_sidecar.http.repeating import RepeatableError


class InferenceError(RepeatableError):
    """An engine gave no usable answer. `code` is stable and short, for logs and the wire."""

    code: ClassVar[str] = "inference_failed"


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
