"""Which error a failure is, and what to do about it. Pure: values in, an exception out."""

from __future__ import annotations

import json
import re
from typing import Literal

import httpx
from attrs import frozen

from refrain_sidecar.inference.errors import (
    BrokenStream,
    EngineBusy,
    EngineFailed,
    EngineUnreachable,
    InferenceError,
    ModelMissing,
    RequestRefused,
    TimedOut,
)

# Long enough for every message of Ollama's own, short enough for one line of a log.
_MAX_DETAIL = 300
_NO_MODEL = re.compile("model .*not found")
# The engine's own words for a 400, and what helps. First match wins.
_REFUSALS = (
    ("does not support thinking", "Ask without `think`, or take a model that can think."),
    ("logprobs", "Ask for fewer: `max_logprobs` of the engine is the limit (20 for Ollama)."),
    ("context length", "Shorten the text or raise inference.num_ctx."),
    ("context size", "Shorten the text or raise inference.num_ctx."),
    ("does not support embed", "Name an embedding model, such as nomic-embed-text."),
    ("does not support insert", "Ask without a suffix."),
    ("schema", "Simplify the schema given as `format`."),
)


@frozen
class Target:
    """Whom a request went to, for messages. `path` is such as `/api/generate`."""

    engine: Literal["ollama", "embedded"]
    base_url: str
    path: str
    model: str | None = None

    @property
    def name(self) -> str:
        kind = "Ollama" if self.engine == "ollama" else "The embedded engine"
        return f"{kind} at {self.base_url}"

    @property
    def start_it(self) -> str:
        if self.engine == "ollama":
            return "Start it with `ollama serve`, or correct inference.base_url."
        return "It is started anew with the next request; `refrain doctor` says more."


def unreachable(target: Target, error: httpx.TransportError) -> InferenceError:
    """A failure before the first byte of the reply. Repeating is safe but where it only waits."""
    if isinstance(error, httpx.ConnectTimeout):
        return EngineUnreachable(
            f"{target.name} did not accept a connection in time. {target.start_it}"
        )
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
        return TimedOut(
            f"{target.name} sent nothing within networking.first_token_timeout. The model may "
            "still be loading or the machine be overloaded: raise that limit or take a smaller "
            "model."
        )
    if isinstance(error, httpx.ConnectError):
        return EngineUnreachable(
            f"{target.name} does not answer ({_cause(error)}). {target.start_it}",
            safe_to_repeat=True,
        )
    return EngineUnreachable(
        f"{target.name} closed the connection without an answer ({_cause(error)}). "
        f"{target.start_it}",
        safe_to_repeat=True,
    )


def refused(
    target: Target, status: int, body: bytes, retry_after: float | None = None
) -> InferenceError:
    """A reply whose status is not 200. `body` may be anything, empty included."""
    detail = engine_words(body)
    if status == 503:
        return EngineBusy(
            f"{target.name} is busy: its queue is full{_in_brackets(detail)}. Ask fewer things at "
            "once, or raise OLLAMA_MAX_QUEUE.",
            safe_to_repeat=True,
            retry_after=retry_after,
        )
    if status == 404 and target.model is not None and _NO_MODEL.search(detail):
        return model_missing(target)
    if status == 404 and target.engine == "embedded":
        return RequestRefused(
            f"{target.name} does not offer {target.path} (404). Set inference.engine to ollama."
        )
    if status == 404:
        return RequestRefused(
            f"{target.name} does not know {target.path} (404). It is no Ollama, or one too old: "
            "check inference.base_url, or update Ollama."
        )
    if status == 403:
        return RequestRefused(
            f"{target.name} refuses to be called by this name (403){_in_brackets(detail)}. Use "
            "127.0.0.1 or localhost in inference.base_url, or allow the name with OLLAMA_ORIGINS."
        )
    if status == 400:
        return RequestRefused(
            f"{target.name} refused the request: {_sentence(detail)} {_advice(detail)}"
        )
    if 300 <= status < 400:
        return RequestRefused(
            f"{target.name} points elsewhere ({status}). Put the address it points to into "
            "inference.base_url."
        )
    if status < 500:
        return RequestRefused(
            f"{target.name} refused the request ({status}){_in_brackets(detail)}. Check "
            "inference.base_url and what stands between."
        )
    return failed(target, detail or f"status {status}")


def failed(target: Target, detail: str) -> InferenceError:
    """A failure the engine reports of itself: status 500, or `error` in a line of a stream."""
    if target.model is not None and _NO_MODEL.search(detail):
        return model_missing(target)
    more = "Its log says more"
    if "memory" in detail:
        more = "Take a smaller model, lower inference.num_ctx, or free memory; its log says more"
    return EngineFailed(f"{target.name} failed: {_sentence(detail)} {more}.")


def model_missing(target: Target) -> InferenceError:
    """The engine has no such model."""
    if target.engine == "embedded":
        return ModelMissing(
            f"{target.name} has no model {target.model!r}. Fetch it with `refrain models fetch`, "
            "or set inference.engine to ollama."
        )
    return ModelMissing(
        f"{target.name} has no model {target.model!r}. Get it with `ollama pull {target.model}`, "
        "or name another in inference.model."
    )


def broken(target: Target, what: str) -> InferenceError:
    """A reply that began and went wrong. Nothing of it is used."""
    return BrokenStream(
        f"The answer of {_inner(target)} broke off: {what}. Nothing of it was kept; ask again. If "
        "it happens again, its log says more."
    )


def not_the_api(target: Target, what: str) -> InferenceError:
    """A 200 whose body is not Ollama's."""
    return BrokenStream(
        f"What answers at {target.base_url}{target.path} does not speak Ollama's API ({what}). "
        "Another program may be listening there: check inference.base_url."
    )


def no_token(target: Target, *, first: bool, seconds: float) -> InferenceError:
    """The wait for a line of a stream ran out."""
    limit = "first_token_timeout" if first else "token_timeout"
    said = "no first token" if first else "no further token"
    return TimedOut(
        f"{target.name} sent {said} within {seconds:g} s. Raise networking.{limit}, or take a "
        "smaller model."
    )


def engine_words(body: bytes) -> str:
    """What an error reply says: its `error`, else its beginning, else nothing."""
    try:
        data = json.loads(body)
    except ValueError:
        return _cut(body.decode("utf-8", "replace").strip())
    error = data.get("error") if isinstance(data, dict) else data
    if isinstance(error, dict):
        error = error.get("message", error)
    return _cut(str(error)) if error is not None else ""


def _advice(detail: str) -> str:
    for words, advice in _REFUSALS:
        if words in detail.lower():
            return advice
    return "This is a fault in the request: please report it."


def _cause(error: Exception) -> str:
    return _cut(str(error).rstrip(".")) or type(error).__name__


def _in_brackets(detail: str) -> str:
    return f" ({detail})" if detail else ""


def _inner(target: Target) -> str:
    return target.name[0].lower() + target.name[1:] if target.engine == "embedded" else target.name


def _sentence(detail: str) -> str:
    return (detail.rstrip(".") or "it said nothing") + "."


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_DETAIL else line[: _MAX_DETAIL - 1] + "…"
