"""Ollama's `options`, checked, and what they are called in llama.cpp."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from refrain_sidecar.inference.embedded.failures import bad_request
from refrain_sidecar.inference.embedded.llama import Loading

log = logging.getLogger(__name__)

# Ollama's name → (llama.cpp's name, type, Ollama's default). Defaults: api.DefaultOptions of
# Ollama 0.33, and llama.cpp's where Ollama leaves it alone.
_SAMPLING: Mapping[str, tuple[str, type, Any]] = {
    "num_predict": ("n_predict", int, -1),
    "num_keep": ("n_keep", int, 4),
    "temperature": ("temperature", float, 0.8),
    "top_k": ("top_k", int, 40),
    "top_p": ("top_p", float, 0.9),
    "min_p": ("min_p", float, 0.0),
    "typical_p": ("typical_p", float, 1.0),
    "repeat_last_n": ("repeat_last_n", int, 64),
    "repeat_penalty": ("repeat_penalty", float, 1.0),
    "presence_penalty": ("presence_penalty", float, 0.0),
    "frequency_penalty": ("frequency_penalty", float, 0.0),
    "mirostat": ("mirostat", int, 0),
    "mirostat_tau": ("mirostat_tau", float, 5.0),
    "mirostat_eta": ("mirostat_eta", float, 0.1),
    "seed": ("seed", int, -1),
    "stop": ("stop", list, ()),
}
# Known to Ollama, without a meaning for one small model on a CPU.
_WITHOUT_EFFECT = frozenset(
    [
        "num_batch",
        "num_gpu",
        "main_gpu",
        "use_mmap",
        "use_mlock",
        "numa",
        "low_vram",
        "f16_kv",
        "logits_all",
        "vocab_only",
        "tfs_z",
        "penalize_newline",
        "draft_num_predict",
    ]
)
_LOADING = ("num_ctx", "num_thread")
# Ollama's least, too; llama.cpp aborts on 1.
LEAST_CTX = 4
# What llama.cpp counts with.
_INT32 = 2**31


def sampling(options: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a llama.cpp completion body that shapes the text. Raises EngineFailure 400."""
    for name in options.keys() - _SAMPLING.keys() - _WITHOUT_EFFECT - set(_LOADING):
        log.warning("invalid option provided: %s; it was left out", name)
    body = {}
    for name, (native, kind, default) in _SAMPLING.items():
        given = options.get(name)
        body[native] = default if given is None else _checked(name, given, kind)
    # Ollama's seed wraps likewise: clients send times as seeds, which are longer than 32 bits.
    body["seed"] %= 2**32
    # Ollama reads 0 and every negative number as: until the model stops or the context is full.
    if body["n_predict"] <= 0:
        body["n_predict"] = -1
    body["stop"] = list(body["stop"])
    return body


def loading(options: Mapping[str, Any], default: Loading, trained_ctx: int) -> Loading:
    """How the model has to be loaded for `options`: with no more context than it was trained for,
    nor more threads than cores. Raises EngineFailure 400."""
    given = {
        name: _checked(name, options[name], int)
        for name in _LOADING
        if options.get(name) is not None
    }
    num_ctx = given.get("num_ctx", 0) or default.num_ctx
    num_thread = given.get("num_thread", 0) or default.num_thread
    if num_ctx < LEAST_CTX or num_thread < 0:
        raise bad_request(f"num_ctx must be at least {LEAST_CTX}, num_thread at least 0")
    # More threads than cores only wait for one another, and thousands end the process.
    most = max(default.num_thread, os.cpu_count() or 1)
    return Loading(num_ctx=min(num_ctx, trained_ctx), num_thread=min(num_thread, most))


def _checked(name: str, value: Any, kind: type) -> Any:
    if kind is list:
        # Some clients send a single stop sequence as a string.
        stops = [value] if isinstance(value, str) else value
        if not isinstance(stops, list):
            raise bad_request(f'option "{name}" must be of type array')
        if not all(isinstance(item, str) for item in stops):
            raise bad_request(f'option "{name}" must be of an array of strings')
        return [item for item in stops if item]
    if isinstance(value, bool) or not isinstance(value, int | float):
        wanted = "integer" if kind is int else "float32"
        raise bad_request(f'option "{name}" must be of type {wanted}')
    if kind is int and name not in (*_LOADING, "seed") and not -_INT32 <= value < _INT32:
        raise bad_request(f'option "{name}" must be between {-_INT32} and {_INT32 - 1}')
    return kind(value)
