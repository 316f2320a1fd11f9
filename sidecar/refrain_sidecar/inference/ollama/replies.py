"""JSON of Ollama's API as messages. Pure; a reply of another shape raises `MalformedReply`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from refrain_sidecar.inference.ollama.messages import (
    OLLAMA_MAX_LOGPROBS,
    Chunk,
    EngineVersion,
    Finish,
    ModelTag,
    RunningModel,
    TokenLogprobs,
)

P = ParamSpec("P")
T = TypeVar("T")
JsonObject = Mapping[str, Any]

_NS_PER_MS = 1_000_000


class MalformedReply(ValueError):
    """Valid JSON that is not what Ollama's API answers."""


def _checked(read: Callable[P, T]) -> Callable[P, T]:
    @wraps(read)
    def reader(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise MalformedReply(what) from error

    return reader


@_checked
def generate_chunk(data: JsonObject) -> Chunk:
    """One line of /api/generate."""
    return Chunk(
        text=_text(data.get("response")),
        thinking=_text(data.get("thinking")),
        logprobs=_logprobs(data),
        finish=_finish(data),
    )


@_checked
def chat_chunk(data: JsonObject) -> Chunk:
    """One line of /api/chat."""
    message = data.get("message") or {}
    return Chunk(
        text=_text(message.get("content")),
        thinking=_text(message.get("thinking")),
        logprobs=_logprobs(data),
        finish=_finish(data),
    )


@_checked
def version(data: JsonObject) -> EngineVersion:
    """GET /api/version; our own engine says there what it does beyond Ollama."""
    own = data.get("refrain") or {}
    return EngineVersion(
        version=_named(data["version"]),
        max_logprobs=int(own.get("max_top_logprobs", OLLAMA_MAX_LOGPROBS)),
        keeps_prompts=own.get("keeps_prompts") is True,
    )


@_checked
def tags(data: JsonObject) -> tuple[ModelTag, ...]:
    """GET /api/tags."""
    return tuple(
        ModelTag(
            name=_named(model["name"]),
            model=model.get("model") or model["name"],
            digest=_named(model["digest"]),
            size=int(model.get("size", 0)),
            modified_at=model.get("modified_at", ""),
            details=model.get("details") or {},
        )
        for model in data["models"] or ()
    )


@_checked
def running(data: JsonObject) -> tuple[RunningModel, ...]:
    """GET /api/ps."""
    return tuple(
        RunningModel(
            name=_named(model["name"]),
            digest=model.get("digest", ""),
            size=int(model.get("size", 0)),
            size_vram=int(model.get("size_vram", 0)),
            expires_at=model.get("expires_at", ""),
            context_length=model.get("context_length"),
        )
        for model in data["models"] or ()
    )


def _finish(data: JsonObject) -> Finish | None:
    if data.get("done") is not True:
        return None

    def ms(name: str) -> float:
        return int(data.get(name, 0)) / _NS_PER_MS

    return Finish(
        done_reason=data.get("done_reason") or "stop",
        prompt_tokens=int(data.get("prompt_eval_count", 0)),
        tokens=int(data.get("eval_count", 0)),
        load_ms=ms("load_duration"),
        prompt_ms=ms("prompt_eval_duration"),
        decode_ms=ms("eval_duration"),
        total_ms=ms("total_duration"),
    )


def _logprobs(data: JsonObject) -> tuple[TokenLogprobs, ...]:
    given: Iterable[JsonObject] = data.get("logprobs") or ()
    return tuple(
        TokenLogprobs(
            token=_text(token["token"]),
            logprob=float(token["logprob"]),
            top=tuple(
                (_text(other["token"]), float(other["logprob"]))
                for other in token.get("top_logprobs") or ()
            ),
        )
        for token in given
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _named(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("expected a name")
    return value
