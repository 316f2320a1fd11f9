"""The `caching` section of perf_config.json, and where that file and the cache's folder are."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from attrs import frozen

from refrain_cache.errors import CacheConfigError

DATABASE_NAME = "perf_cache.db"
CONFIG_NAME = "perf_config.json"
CONFIG_FOLDER = "config"
CONFIG_VARIABLE = "REFRAIN_CONFIG"
API_KIND = "api"
_BESIDE_CONFIG = "./cache"


@frozen
class SharedSettings:
    """The Redis or Valkey that machines share, as `caching.shared` names it.

    `url` is redis://, rediss:// or unix://, as redis-py takes them; `redis+cluster://host` asks a
    cluster, `redis+sentinel://host,host/name` the master that sentinels know by that name. The
    variable or files that hold secrets are read when a connection is made. What does not come
    within `timeout_ms` is not waited for.
    """

    url: str
    username: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    namespace: str = "refrain"
    secret_file: Path | None = None
    timeout_ms: float = 50.0


@frozen
class CacheSettings:
    """How answers are kept. Durations in seconds, sizes in bytes.

    `cache_dir` is None for the user's cache folder (platformdirs). Whoever reads a configuration
    file resolves what it says, or does not say, with `resolve_cache_dir`.
    """

    enabled: bool = True
    cache_dir: Path | None = None
    default_ttl: float = 2_592_000.0
    ttl_api: float = 86_400.0
    max_bytes: int = 536_870_912
    max_entries: int | None = None
    eviction: Literal["cost", "lru"] = "cost"
    memory_entries: int = 8192
    shared: SharedSettings | None = None

    def ttl_of(self, kind: str) -> float:
        """How long an entry of a kind is kept unless its caller says otherwise, in seconds."""
        return self.ttl_api if kind == API_KIND else self.default_ttl


def find_config(start: Path | None = None) -> Path | None:
    """The configuration in force at `start` (default: the working directory), or None.

    `$REFRAIN_CONFIG`, else `config/perf_config.json` in `start` or the nearest folder above it.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    try:
        here = (start or Path.cwd()).absolute()
    except FileNotFoundError:  # the working directory was deleted
        return None
    for folder in (here, *here.parents):
        candidate = folder / CONFIG_FOLDER / CONFIG_NAME
        if candidate.is_file():
            return candidate
    return None


def resolve_cache_dir(cache_dir: Path | None, config: Path | None = None) -> Path:
    """The folder the cache is in: absolute, `~` expanded.

    A relative path starts at the folder that holds the folder of `config`
    (`/work/config/perf_config.json` → `/work`), without one at the working directory. None is
    `./cache` there, and without a configuration the user's cache folder.
    """
    if cache_dir is None and config is None:
        return Path(platformdirs.user_cache_dir("refrain", appauthor=False))
    cache_dir = Path(_BESIDE_CONFIG if cache_dir is None else cache_dir).expanduser()
    if cache_dir.is_absolute():
        return cache_dir
    return (config.absolute().parent.parent if config is not None else Path.cwd()) / cache_dir


def read_cache_settings(config: Path) -> CacheSettings:
    """The `caching` section of a configuration file, its folder resolved.

    Raises CacheConfigError if the file cannot be read or a value is not what it must be; other
    sections are not looked at.
    """
    try:
        document = json.loads(config.read_text(encoding="utf-8-sig"), parse_float=_number)
    except OSError as error:
        raise CacheConfigError(f"{config} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise CacheConfigError(f"{config} is not valid JSON: {error}.") from error
    section = document.get("caching", {}) if isinstance(document, dict) else None
    if not isinstance(section, dict):
        raise CacheConfigError(f'{config}: "caching" must be an object.')
    shared = section.get("shared")
    if isinstance(shared, dict):
        for name, value in shared.items():
            _check(config, f"shared.{name}", value, _SHARED_CHECKS.get(name))
        if "url" not in shared:
            raise CacheConfigError(f"{config}: caching.shared.url is missing; expected {_URLS}.")
    for name, value in section.items():
        _check(config, name, value, _CHECKS.get(name))
    return cache_settings(section, config)


def cache_settings(section: Mapping[str, Any], config: Path) -> CacheSettings:
    """The `caching` section of `config`, whose values are known to be right, its paths resolved."""
    values = dict(section)
    named = values.get("cache_dir")
    values["cache_dir"] = resolve_cache_dir(None if named is None else Path(named), config)
    if "shared" in values:
        shared = dict(values["shared"])
        for name in _SHARED_FILES:
            if name in shared:
                shared[name] = resolve_cache_dir(Path(shared[name]), config)
        values["shared"] = SharedSettings(**shared)
    return CacheSettings(**values)


def _number(token: str) -> float:
    """A number written with a point or an exponent; to JSON Schema 2.0 is an integer."""
    number = float(token)
    return int(number) if number.is_integer() else number


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


_Check = tuple[Callable[[Any], bool], str]
_CHECKS: Mapping[str, _Check] = {
    "enabled": (lambda v: isinstance(v, bool), "true or false"),
    "cache_dir": (_is_text, "the path of a folder"),
    "default_ttl": (lambda v: _is_number(v) and v > 0, "a number of seconds above 0"),
    "ttl_api": (lambda v: _is_number(v) and v > 0, "a number of seconds above 0"),
    "max_bytes": (lambda v: _is_count(v) and v >= 65_536, "a number of bytes, 65536 or more"),
    "max_entries": (lambda v: v is None or (_is_count(v) and v >= 1), "null, or 1 or more"),
    "eviction": (lambda v: v in ("cost", "lru"), '"cost" or "lru"'),
    "memory_entries": (lambda v: _is_count(v) and v >= 0, "0 or more"),
    "shared": (lambda v: isinstance(v, dict), "an object"),
}
_URLS = "redis://, rediss:// or unix:// and where the server is"
_URL = re.compile(r"(rediss?(\+(cluster|sentinel))?|unix)://\S+")
# In a pattern to look for keys by, none of these means anything but itself.
_NAMESPACE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_SHARED_FILES = ("password_file", "ca_file", "secret_file")
_SHARED_CHECKS: Mapping[str, _Check] = {
    "url": (lambda v: isinstance(v, str) and _URL.fullmatch(v) is not None, _URLS),
    "username": (_is_text, "a name"),
    "password_env": (_is_text, "the name of an environment variable"),
    **dict.fromkeys(_SHARED_FILES, (_is_text, "the path of a file")),
    "namespace": (
        lambda v: isinstance(v, str) and _NAMESPACE.fullmatch(v) is not None,
        "1 to 64 letters, digits, or any of _ . : -",
    ),
    "timeout_ms": (lambda v: _is_number(v) and 1 <= v <= 10_000, "milliseconds from 1 to 10000"),
}


def _check(config: Path, name: str, value: Any, check: _Check | None) -> None:
    if check is None:
        raise CacheConfigError(f"{config}: caching.{name} is not a setting of the cache.")
    accepts, expected = check
    if not accepts(value):
        raise CacheConfigError(f"{config}: caching.{name} is {value!r}; expected {expected}.")
