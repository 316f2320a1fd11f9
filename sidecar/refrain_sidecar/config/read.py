"""perf_config.json as typed settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from refrain_cache import find_config
from refrain_cache.settings import cache_settings
from refrain_sidecar.config.check import Problem, check
from refrain_sidecar.config.located_json import Span
from refrain_sidecar.config.settings import (
    InferenceSettings,
    LoggingSettings,
    NetworkingSettings,
    QueueSettings,
    ServeSettings,
    Settings,
)

LOG = logging.getLogger("refrain.config")


class ConfigError(ValueError):
    """perf_config.json cannot be used as it is. The message has a line for each problem."""


@frozen
class Reading:
    """Settings made of the values that passed; `problems` lists those that did not."""

    settings: Settings
    problems: tuple[Problem, ...]


def load_settings(path: Path | None = None) -> Settings:
    """The settings of `path`, or of the nearest perf_config.json, or the defaults without one.

    Raises ConfigError when the file is there but wrong or unreadable.
    """
    path = path or find_config()
    if path is None:
        return Settings()
    reading = read_settings(path)
    if reading.problems:
        raise ConfigError("\n".join(problem.at(str(path)) for problem in reading.problems))
    return reading.settings


def read_settings(path: Path) -> Reading:
    """Read `path`, taking the default for each value that is wrong. Never raises."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot be read ({error}); expected a JSON file in UTF-8"
        return Reading(Settings(), (Problem("", message, Span(0, 0, 1)),))
    checked = check(text)
    return Reading(_settings(checked.values, path), checked.problems)


def _settings(values: Mapping[str, Any], path: Path) -> Settings:
    return Settings(
        inference=InferenceSettings(**values.get("inference", {})),
        caching=cache_settings(values.get("caching", {}), path),
        networking=NetworkingSettings(**values.get("networking", {})),
        logging=LoggingSettings(**values.get("logging", {})),
        serve=ServeSettings(**values.get("serve", {})),
        queue=QueueSettings(**values.get("queue", {})),
    )
