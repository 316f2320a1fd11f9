"""Carry entries out of the cache and in again, and check those it holds.

Unlike a lookup, which goes on without a cache, these have nothing else to do: a cache that is not
in use is an error here.
"""

from __future__ import annotations

from pathlib import Path

from refrain_cache import AsyncCache, PortableFileError, Progress, Transferred, Verified
from refrain_sidecar.enrichment import InputRefused


class CacheNotInUse(Exception):
    """The cache is off or bypassed; the message says why and what to do."""


def demand_use(cache: AsyncCache, *, writing: bool) -> None:
    """Raise CacheNotInUse unless entries can be read or, with `writing`, changed.

    A bypassed cache may still be read: whether it was shows in what comes back.
    """
    state = cache.state
    if state.mode == "off":
        raise CacheNotInUse(
            'The cache is off by configuration. Set "enabled": true under "caching" to switch it '
            "on."
        )
    if state.mode == "bypass" and writing:
        raise CacheNotInUse(f"The cache is not in use: {state.reason}")


async def export(cache: AsyncCache, path: Path, progress: Progress) -> Transferred:
    """Write every entry that has not expired to `path`, replacing it.

    Raises CacheNotInUse, and InputRefused when `path` cannot be written.
    """
    demand_use(cache, writing=False)
    try:
        done = await cache.export(path, progress)
    except OSError as error:
        raise InputRefused(f"{path} cannot be written: {_cause(error)}.") from error
    if not done.entries:
        demand_use(cache, writing=True)
    return done


async def take_in(cache: AsyncCache, path: Path, progress: Progress) -> Transferred:
    """Take in the entries of an export, each checked.

    Raises CacheNotInUse, and InputRefused when `path` cannot be read or is no export.
    """
    demand_use(cache, writing=True)
    try:
        return await cache.import_(path, progress)
    except PortableFileError as error:
        raise InputRefused(str(error)) from error
    except OSError as error:
        raise InputRefused(f"{path} cannot be read: {_cause(error)}.") from error


async def verify(cache: AsyncCache, progress: Progress) -> Verified:
    """Re-hash every entry and check the file. Raises CacheNotInUse."""
    demand_use(cache, writing=False)
    found = await cache.verify(progress)
    if not found.checked:
        demand_use(cache, writing=True)
    return found


def _cause(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
