"""Write a choice into perf_config.json, which stays as its owner wrote it otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refrain_sidecar.config.edit import with_value
from refrain_sidecar.config.read import load_settings

_NEW = "{\n}\n"


def write_values(path: Path, section: str, values: Mapping[str, Any]) -> None:
    """Set keys of one section, in a new file where there is none.

    Raises ConfigError when a line of the file is wrong: an edit would not apply. Raises OSError.
    """
    text = _NEW
    if path.exists():
        load_settings(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    for key, value in values.items():
        text = with_value(text, section, key, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
