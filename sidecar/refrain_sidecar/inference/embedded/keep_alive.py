"""Ollama's `keep_alive`: how long a model stays loaded after a request."""

from __future__ import annotations

import math
import re
from typing import Any

from refrain_sidecar.inference.embedded.failures import bad_request

# Ollama's default when a request says nothing.
DEFAULT_SECONDS = 300.0

# Go's longest duration, some 292 years; Ollama's own "never".
LONGEST_S = (2**63 - 1) / 1e9

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(rf"([+-]?)(?:{_PART.pattern})+")


def seconds(value: Any) -> float:
    """`value` (a number of seconds, or a Go duration such as "1h30m") in seconds.

    Negative, or more than LONGEST_S, is for ever: `math.inf`. Raises EngineFailure 400 otherwise.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise bad_request(f"Unsupported type: '{type(value).__name__}'")
    duration = _parsed(value.strip()) if isinstance(value, str) else float(value)
    return duration if 0 <= duration < LONGEST_S else math.inf


def _parsed(text: str) -> float:
    # Bare "0" and "-1" are what Ollama's own documentation and settings use.
    if re.fullmatch(r"[+-]?\d+", text):
        return float(text)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise bad_request(f'time: invalid duration "{text}"')
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return -total if match.group(1) == "-" else total
