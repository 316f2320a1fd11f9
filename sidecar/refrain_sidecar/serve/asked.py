"""What a request asks, read from its body: the model, and all that can change the answer. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from attrs import frozen

from refrain_cache import Fingerprint, fingerprint
from refrain_sidecar.serve.endpoints import ENDPOINTS, Endpoint

# They change how fast an answer comes, never which.
_SPEED_ONLY: Final = frozenset(
    {
        "num_thread",
        "num_gpu",
        "num_batch",
        "main_gpu",
        "use_mmap",
        "use_mlock",
        "numa",
        "low_vram",
    }
)
# What says how to answer and holds nobody's words is kept in plain, so that a miss can be explained
# by it; all else only as a hash.
_PLAIN: Final = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "n",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "presence_penalty",
        "frequency_penalty",
        "reasoning_effort",
        "think",
        "raw",
        "truncate",
        "shift",
        "logprobs",
        "top_logprobs",
        "dimensions",
        "encoding_format",
    }
)
# At most so warm, sampling takes the likeliest token all the same.
_COLD: Final = 0.01
# Requests that come again are mostly short: an agent's next turn never comes again.
_READ_AGAIN_BYTES: Final = 16 * 1024


@frozen(eq=False)
class Asked:
    """One request to a cacheable endpoint. `repeats`: its sender expects the same answer again.

    `content` is kept as a hash; `params` in plain. `inputs` are the texts of a request for vectors,
    None where those cannot be told apart. `small` ones are likely to come again.
    """

    endpoint: Endpoint
    model: str
    stream: bool
    repeats: bool
    content: Mapping[str, Any]
    params: Mapping[str, Any]
    inputs: tuple[str, ...] | None
    body: Mapping[str, Any]
    small: bool


def read(path: str, body: bytes) -> Asked | None:
    """What `body` asks `path`; None for what upstream has to refuse, or to load or unload."""
    try:
        return _read_again(path, body) if len(body) <= _READ_AGAIN_BYTES else _read(path, body)
    except RecursionError:
        return None


def _read(path: str, body: bytes) -> Asked | None:
    endpoint = ENDPOINTS[path]
    try:
        said = json.loads(body)
    except ValueError:
        return None
    if not isinstance(said, dict) or not isinstance(model := said.get("model"), str) or not model:
        return None
    stream = said.get("stream", endpoint.streams)
    if not isinstance(stream, bool) or said.get("_debug_render_only"):
        return None
    options = said.get("options")
    options = options if isinstance(options, dict) else {}
    how = options if endpoint.api == "ollama" else said
    content = {
        name: _by_bytes(name, value)
        for name, value in said.items()
        if name not in ("model", "stream", "keep_alive", "options") and name not in _PLAIN
    }
    params = {name: said[name] for name in _PLAIN & said.keys()}
    for name, value in options.items():
        if name in _SPEED_ONLY:
            continue
        # A list or a text among the options (`stop`) is somebody's words.
        where = params if isinstance(value, (int, float)) else content
        where[f"options.{name}"] = value
    if not any(content.values()):
        return None  # without a prompt, it only loads the model
    repeats = endpoint.embeds or _is_cold(how.get("temperature")) or _is_number(how.get("seed"))
    inputs, small = _inputs(endpoint, said), len(body) <= _READ_AGAIN_BYTES
    return Asked(endpoint, model, stream, repeats, content, params, inputs, said, small)


_read_again = lru_cache(maxsize=512)(_read)


def fingerprint_of(asked: Asked, digest: str, version: str, sample: int = 0) -> Fingerprint:
    """The fingerprint of a whole request to a model. Raises FingerprintError.

    `digest` is the model's, `version` the engine's; `sample` numbers the answers to one question.
    """
    make = _made_again if asked.small else _made
    return make(asked, digest, version, sample)


def _made(asked: Asked, digest: str, version: str, sample: int) -> Fingerprint:
    params = {**asked.params, "stream": asked.stream} | ({"sample": sample} if sample else {})
    identity = {"model": asked.model, "digest": digest, "version": version}
    return fingerprint(asked.endpoint.kind, dict(asked.content), params=params, identity=identity)


_made_again = lru_cache(maxsize=1024)(_made)


def input_parts(asked: Asked, text: str, digest: str, version: str) -> dict[str, Any]:
    """What identifies one text's vector, as `fingerprint` and `AsyncCache.set` take it."""
    others = {name: value for name, value in asked.content.items() if name != "input"}
    return {
        "content": {"input": text, "others": others},
        "params": dict(asked.params) | {"of": "one input"},
        "identity": {"model": asked.model, "digest": digest, "version": version},
    }


def _inputs(endpoint: Endpoint, said: Mapping[str, Any]) -> tuple[str, ...] | None:
    given = said.get(endpoint.inputs) if endpoint.inputs else None
    texts = given if isinstance(given, list) else [given]
    if texts and all(isinstance(text, str) and text for text in texts):
        return tuple(texts)
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_cold(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= _COLD


def _by_bytes(name: str, value: Any) -> Any:
    """`value` with every image as the bytes it is, however they are written."""
    if isinstance(value, dict):
        if isinstance(data := value.get("data"), str) and "media_type" in value:
            return {**value, "data": _decoded(data)}
        return {inner: _by_bytes(inner, item) for inner, item in value.items()}
    if isinstance(value, list):
        if name == "images":
            return [_decoded(item) if isinstance(item, str) else item for item in value]
        return [_by_bytes(name, item) for item in value]
    if isinstance(value, str) and value.startswith("data:") and ";base64," in value[:80]:
        head, _, data = value.partition(",")
        return {"head": head, "data": _decoded(data)}
    return value


def _decoded(data: str) -> bytes | str:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return data
