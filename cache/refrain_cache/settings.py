"""The `caching` section of perf_config.json, and where that file is found."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import frozen

DATABASE_NAME = "perf_cache.db"


@frozen
class CacheSettings:
    """How answers are kept. Durations in seconds, sizes in bytes.

    `cache_dir` is None for the user's cache folder (platformdirs); relative paths are resolved by
    whoever reads the configuration file, against the folder that holds `config/`.
    """

    enabled: bool = True
    cache_dir: Path | None = None
    default_ttl: float = 2_592_000.0
    ttl_api: float = 86_400.0
    max_bytes: int = 536_870_912
    max_entries: int | None = None
    eviction: Literal["cost", "lru"] = "cost"
    memory_entries: int = 4096
