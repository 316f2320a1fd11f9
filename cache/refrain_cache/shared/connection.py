"""The way to the server that `caching.shared` names: `redis` is imported here, when needed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refrain_cache.errors import CacheConfigError
from refrain_cache.settings import SharedSettings

if TYPE_CHECKING:
    from redis.asyncio import Redis

_EXTRA = (
    "caching.shared needs the package redis, which is not installed: "
    "run pip install 'refrain-cache[shared]'"
)
_SENTINEL_PORT = 26379
_FORM = re.compile(r"^([a-z+]+)")


def connect(settings: SharedSettings) -> Redis:
    """A client for one event loop, not connected yet; end it by `aclose`.

    Secrets are read now. Nothing is tried twice, and nothing given up: whoever asks knows how long
    it may wait.

    Raises CacheConfigError if the extra is not installed, a secret cannot be read or the URL is
    wrong.
    """
    try:
        from redis.asyncio import Redis, RedisCluster, Sentinel
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise CacheConfigError(_EXTRA) from error

    form, where = _FORM.split(settings.url)[1:]
    # Of RESP3 nothing is needed, and its greeting asks for more rights.
    options: dict[str, Any] = {
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if form.startswith("rediss") and settings.ca_file is not None:
        options["ssl_ca_certs"] = str(settings.ca_file)
    user: dict[str, Any] = {"username": settings.username, "password": _password(settings)}
    client: Any
    try:
        if form.endswith("+cluster"):
            url = form.removesuffix("+cluster") + where
            client = RedisCluster.from_url(url, **options, **user)
        elif form.endswith("+sentinel"):
            options["ssl"] = form.startswith("rediss")
            hosts, _, name = where.removeprefix("://").partition("/")
            sentinels: Any = Sentinel(  # type: ignore[no-untyped-call]
                [_address(one) for one in hosts.split(",")], sentinel_kwargs=options
            )
            client = sentinels.master_for(name, **options, **user)
        else:
            client = Redis.from_url(settings.url, **options, **user)
    except ValueError as error:
        raise CacheConfigError(f"caching.shared.url cannot be used: {error}") from error
    return client  # type: ignore[no-any-return]


def shown(url: str) -> str:
    """A URL without what may be secret in it."""
    return re.sub(r"//[^/]*@", "//", url).partition("?")[0]


def read_secret(path: Path, setting: str) -> str:
    """What a file named by `caching.shared.<setting>` holds, its outer blanks trimmed.

    Raises CacheConfigError if it cannot be read or is empty.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CacheConfigError(
            f"caching.shared.{setting}: {path} cannot be read: {error}"
        ) from error
    if not secret:
        raise CacheConfigError(f"caching.shared.{setting}: {path} is empty")
    return secret


def _password(settings: SharedSettings) -> str | None:
    if settings.password_file is not None:
        return read_secret(settings.password_file, "password_file")
    if settings.password_env is None:
        return None
    password = os.environ.get(settings.password_env)
    if not password:
        raise CacheConfigError(
            f"caching.shared.password_env: there is no variable {settings.password_env} in the "
            "environment"
        )
    return password


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if host else (port, _SENTINEL_PORT)
