"""The one set of model options. A changed option reloads the model, seconds each time.

Everybody who asks one model (preload, Stage 1, Stage 2) sends what `frozen_options` returns and
adds nothing to it but `num_predict` and `stop`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from refrain_sidecar.config.settings import InferenceSettings

# The options that make Ollama start the model anew when they differ from the loaded ones
# (`needsReload` in its scheduler, near v0.33).
RELOADING = frozenset(
    {
        "num_ctx",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "use_mmap",
        "num_thread",
        "draft_num_predict",
    }
)
# The options that change how fast an answer comes, never which one. An option that is not
# listed counts as shaping: an unknown one in a fingerprint costs a miss, one left out a wrong hit.
SPEED_ONLY = frozenset(
    {
        "num_thread",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "use_mmap",
        "use_mlock",
        "numa",
        "low_vram",
        "draft_num_predict",
        "keep_alive",
        "stream",
    }
)
# Ollama's own defaults, said aloud: another engine has others, and an answer must not depend on
# which one fills the gap.
_SAMPLING = {"top_k": 40, "top_p": 0.9, "min_p": 0.0}
# Longer than the pause between two requests for one text, shorter than a person's between two.
_BETWEEN_REQUESTS = "2s"


def frozen_options(inference: InferenceSettings, num_thread: int) -> Mapping[str, Any]:
    """The options that decide reloads and sampling; read-only. `num_predict` comes per request."""
    return MappingProxyType(
        {
            "num_ctx": inference.num_ctx,
            "num_thread": num_thread,
            "temperature": inference.temperature,
            "seed": inference.seed,
            **_SAMPLING,
        }
    )


def stays_loaded(inference: InferenceSettings) -> str | int:
    """The `keep_alive` of every request: not 0, which unloads after each of those for one text."""
    # However it is written, "0", "0m" or "0.0s", no time has no other digit.
    some = re.search(r"[1-9]", str(inference.keep_alive))
    return inference.keep_alive if some else _BETWEEN_REQUESTS


def shaping_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options that can change the text, and so belong in a fingerprint."""
    return {name: value for name, value in options.items() if name not in SPEED_ONLY}


def reloading_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options that the loaded model depends on."""
    return {name: value for name, value in options.items() if name in RELOADING}


def reload_causes(loaded: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[str, ...]:
    """Why `asked` would reload a model loaded with `loaded`, as `num_ctx 2048 → 4096`."""
    return tuple(
        f"{name} {loaded.get(name, 'default')} → {asked.get(name, 'default')}"
        for name in sorted(RELOADING)
        if loaded.get(name) != asked.get(name)
    )
