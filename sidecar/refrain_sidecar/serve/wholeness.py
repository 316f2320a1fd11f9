"""Whether an answer may be kept: whole, no error, and not empty. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from refrain_sidecar.serve.asked import Asked

_ENDED: Final = frozenset({"stop", "length"})


class UnkeptError(Exception):
    """This answer is not kept; the message says why."""


def tokens_of(asked: Asked, status: int, body: bytes) -> int:
    """How many tokens a whole answer took, read and written. Raises UnkeptError for any other."""
    if status != 200:
        raise UnkeptError(f"upstream answered {status}")
    try:
        parts = list(_parts(asked, body))
    except (ValueError, RecursionError) as error:
        raise UnkeptError("it is cut off, or no JSON") from error
    if not parts:
        raise UnkeptError("it is empty")
    for part in parts:
        if not isinstance(part, dict) or part.get("error") or part.get("type") == "error":
            raise UnkeptError("it holds an error")
        if part.get("remote_model") or part.get("remote_host"):
            raise UnkeptError("a cloud model gave it")
    try:
        check = _CHECKS[asked.endpoint.path]
        return check(parts, asked.stream)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise UnkeptError("it has not the form of an answer") from error


def _parts(asked: Asked, body: bytes) -> Iterator[Any]:
    if not asked.stream or asked.endpoint.embeds:
        yield json.loads(body)
    elif asked.endpoint.api == "ollama":
        if not body.endswith(b"\n"):
            raise UnkeptError("its last line is cut off")
        yield from (json.loads(line) for line in body.splitlines() if line.strip())
    else:
        if not body.endswith(b"\n\n"):
            raise UnkeptError("its last event is cut off")
        for line in body.split(b"\n"):
            if line.startswith(b"data:"):
                data = line[5:].strip()
                yield {"type": "[DONE]"} if data == b"[DONE]" else json.loads(data)


def _need(holds: object, why: str) -> None:
    if not holds:
        raise UnkeptError(why)


def _need_any(said: Iterable[dict[str, Any]], *names: str) -> None:
    _need(any(one.get(name) for one in said for name in names), "it says nothing")


def _native(parts: list[dict[str, Any]], _: bool) -> int:
    last = parts[-1]
    _need(last.get("done") is True, "its last line is missing")
    _need(last.get("done_reason", "stop") in _ENDED, "it only loaded the model, or was cut off")
    said = (part if "response" in part else part.get("message", part) for part in parts)
    _need_any(said, "response", "content", "thinking", "tool_calls")
    return _sum(last, ("prompt_eval_count", "eval_count"))


def _choices(parts: list[dict[str, Any]], streamed: bool) -> int:
    if streamed:
        _need(parts[-1].get("type") == "[DONE]", "its last event is missing")
    choices = [choice for part in parts for choice in part.get("choices") or ()]
    _need(any(choice.get("finish_reason") for choice in choices), "it did not come to its end")
    said = (choice.get("delta") or choice.get("message") or choice for choice in choices)
    _need_any(said, "content", "text", "tool_calls", "reasoning")
    return _usage(parts, ("prompt_tokens", "completion_tokens"))


def _response(parts: list[dict[str, Any]], streamed: bool) -> int:
    whole = parts[-1]["response"] if streamed else parts[-1]
    if streamed:
        _need(parts[-1].get("type") == "response.completed", "its last event is missing")
    _need(whole.get("status") == "completed", "it did not come to its end")
    said = (item for one in whole["output"] for item in one.get("content") or [one])
    _need_any(said, "text", "arguments")
    return _usage([whole], ("input_tokens", "output_tokens"))


def _message(parts: list[dict[str, Any]], streamed: bool) -> int:
    if streamed:
        _need(parts[-1].get("type") == "message_stop", "its last event is missing")
        begun = [p["content_block"] for p in parts if p.get("type") == "content_block_start"]
        grown = [p["delta"] for p in parts if p.get("type") == "content_block_delta"]
        said, ended = begun + grown, [p["delta"] for p in parts if p.get("type") == "message_delta"]
    else:
        said, ended = parts[-1]["content"], parts
    _need(any(one.get("stop_reason") for one in ended), "it did not come to its end")
    _need_any(said, "text", "thinking", "name", "partial_json")
    return _usage(parts, ("input_tokens", "output_tokens"))


def _vectors(parts: list[dict[str, Any]], _: bool) -> int:
    whole = parts[-1]
    found = whole.get("embeddings") or whole.get("embedding") or whole.get("data")
    _need(found, "it has no vector")
    return _sum(whole, ("prompt_eval_count",)) or _usage(parts, ("prompt_tokens",))


def _usage(parts: Iterable[dict[str, Any]], names: tuple[str, ...]) -> int:
    found = 0
    for part in parts:
        inner = part.get("message")
        usage = part.get("usage") or (inner.get("usage") if isinstance(inner, dict) else None)
        if isinstance(usage, dict):
            found = max(found, _sum(usage, names))
    return found


def _sum(figures: dict[str, Any], names: tuple[str, ...]) -> int:
    return sum(n for name in names if isinstance(n := figures.get(name), int))


_CHECKS: Final = {
    "/api/generate": _native,
    "/api/chat": _native,
    "/api/embed": _vectors,
    "/api/embeddings": _vectors,
    "/v1/chat/completions": _choices,
    "/v1/completions": _choices,
    "/v1/embeddings": _vectors,
    "/v1/responses": _response,
    "/v1/messages": _message,
}
