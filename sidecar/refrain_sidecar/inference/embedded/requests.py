"""Request bodies of the Ollama API, checked and held as frozen classes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import evolve, frozen

from refrain_sidecar.inference.embedded import keep_alive
from refrain_sidecar.inference.embedded.failures import bad_request

JSONObject = Mapping[str, Any]
T = TypeVar("T")

_ROLES = ("system", "developer", "user", "assistant", "tool")
_NAMES = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}


@frozen
class Common:
    """What /api/generate and /api/chat share. `keep_alive` in seconds, None if not said.

    `format` is None, the word "json" or a schema. `free_blanks` and `logprob_tokens` are ours:
    blanks between JSON tokens as Ollama allows them, and the words to score instead of
    generating: the answer's `top_logprobs` lists exactly them.
    """

    model: str
    stream: bool
    format: JSONObject | str | None
    options: JSONObject
    keep_alive: float | None
    truncate: bool
    top_logprobs: int | None
    free_blanks: bool
    logprob_tokens: tuple[str, ...]


@frozen
class GenerateBody:
    """/api/generate."""

    common: Common
    prompt: str
    system: str
    raw: bool
    context: tuple[int, ...]


@frozen
class ChatBody:
    """/api/chat: messages with `role` and `content`, in the order said.

    `render_only` (Ollama's `_debug_render_only`) asks for the prompt they become, and no more.
    """

    common: Common
    messages: tuple[Mapping[str, str], ...]
    render_only: bool


@frozen
class EmbedBody:
    """/api/embed, and /api/embeddings. `dimensions` 0: all of them. `keep_alive` in seconds, None
    if not said. `unit`: vectors of length 1."""

    model: str
    texts: tuple[str, ...]
    options: JSONObject
    keep_alive: float | None
    truncate: bool
    dimensions: int
    unit: bool = True


def parsed(body: bytes) -> JSONObject:
    """The JSON object in `body`, text that is whole and numbers that are finite. Raises
    EngineFailure 400."""
    if not body.strip():
        raise bad_request("missing request body")
    try:
        value = json.loads(
            body.decode(), parse_int=_number, parse_float=_number, parse_constant=_number
        )
        if b"\\u" in body:  # it may name lone surrogates
            json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise bad_request(f"the request body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise bad_request("the request body must be a JSON object")
    return value


def generate_body(body: JSONObject, vocabulary: int) -> GenerateBody:
    """Reads /api/generate; there are `vocabulary` tokens. Raises EngineFailure 400."""
    raw = value_of(body, "raw", bool, False)
    system = value_of(body, "system", str, "")
    template = value_of(body, "template", str, "")
    context = value_of(body, "context", list, [])
    if raw and (template or system or context):
        raise bad_request("raw mode does not support template, system, or context")
    if template:
        raise bad_request("this engine uses the model's own template; leave out 'template'")
    if value_of(body, "suffix", str, ""):
        raise bad_request(f'"{body.get("model", "")}" does not support insert')
    _no_images(body)
    if not all(isinstance(token, int) and 0 <= token < vocabulary for token in context):
        raise bad_request(f"context must be an array of integers from 0 to {vocabulary - 1}")
    return GenerateBody(
        common=_common(body, vocabulary),
        prompt=value_of(body, "prompt", str, ""),
        system=system,
        raw=raw,
        context=tuple(context),
    )


def chat_body(body: JSONObject, vocabulary: int) -> ChatBody:
    """Reads /api/chat; there are `vocabulary` tokens. Raises EngineFailure 400."""
    if value_of(body, "tools", list, []):
        raise bad_request(f'"{body.get("model", "")}" does not support tools')
    messages = []
    for message in value_of(body, "messages", list, []):
        if not isinstance(message, dict):
            raise bad_request("messages must be an array of objects")
        _no_images(message)
        role = value_of(message, "role", str, "").lower()
        if role not in _ROLES:
            raise bad_request(f"invalid role: {role!r}; expected one of {', '.join(_ROLES)}")
        messages.append({"role": role, "content": value_of(message, "content", str, "")})
    return ChatBody(
        common=_common(body, vocabulary),
        messages=tuple(messages),
        render_only=value_of(body, "_debug_render_only", bool, False),
    )


def embed_body(body: JSONObject) -> EmbedBody:
    """Reads /api/embed. Raises EngineFailure 400."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if texts is None or texts == [""]:
        texts = []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise bad_request("invalid input type")
    return EmbedBody(
        model=model_name(body),
        texts=tuple(texts),
        options=value_of(body, "options", dict, {}),
        keep_alive=_keep_alive(body),
        truncate=value_of(body, "truncate", bool, True),
        dimensions=max(value_of(body, "dimensions", int, 0), 0),
    )


def embeddings_body(body: JSONObject) -> EmbedBody:
    """Reads /api/embeddings, the older form: one text, and its vector as it is. Raises
    EngineFailure 400."""
    known = {name: body.get(name) for name in ("model", "options", "keep_alive")}
    known["input"] = value_of(body, "prompt", str, "")
    return evolve(embed_body(known), truncate=False, unit=False)


def model_name(body: JSONObject) -> str:
    """The model a body names, by `model` or (older clients) `name`. Raises EngineFailure 400."""
    name = value_of(body, "model", str, "") or value_of(body, "name", str, "")
    if not name:
        raise bad_request("model is required")
    return name


def wants_stream(body: JSONObject) -> bool:
    """Ollama streams unless told not to."""
    return value_of(body, "stream", bool, True)


def _number(digits: str) -> int | float:
    try:
        number: int | float = int(digits)
    except ValueError:  # a fraction, an exponent, a constant, or thousands of digits
        number = float(digits)
    if not abs(number) < (2**64 if isinstance(number, int) else math.inf):
        raise ValueError(f"{digits[:20]} is not a number, or too large")
    return number


def _common(body: JSONObject, vocabulary: int) -> Common:
    top = value_of(body, "top_logprobs", int, 0)
    if not 0 <= top <= vocabulary:
        raise bad_request(f"top_logprobs must be between 0 and {vocabulary}")
    if body.get("think") not in (None, False):
        raise bad_request(f'"{body.get("model", "")}" does not support thinking')
    shape = body.get("format")
    if shape in ("", None):
        shape = None
    elif shape != "json" and not isinstance(shape, dict):
        raise bad_request(f'invalid format: {json.dumps(shape)}; expected "json" or a JSON schema')
    tokens = value_of(body, "logprob_tokens", list, [])
    if not all(isinstance(token, str) and token for token in tokens):
        raise bad_request("logprob_tokens must be an array of non-empty strings")
    return Common(
        model=model_name(body),
        stream=wants_stream(body),
        format=shape,
        options=value_of(body, "options", dict, {}),
        keep_alive=_keep_alive(body),
        truncate=value_of(body, "truncate", bool, True),
        top_logprobs=top if value_of(body, "logprobs", bool, False) else None,
        free_blanks=value_of(body, "free_blanks", bool, False),
        logprob_tokens=tuple(tokens),
    )


def _keep_alive(body: JSONObject) -> float | None:
    value = body.get("keep_alive")
    return None if value is None else keep_alive.seconds(value)


def value_of(body: JSONObject, key: str, kind: type[T], default: T) -> T:
    """What `body` says under `key`, `default` if nothing. Raises EngineFailure 400."""
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise bad_request(f"{key} must be of type {_NAMES[kind]}, not {type(value).__name__}")
    return value


def _no_images(body: JSONObject) -> None:
    if value_of(body, "images", list, []):
        raise bad_request("this model does not support images")
