"""Caches that notice and recover quickly, and a way to await what they turn into."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.set_clock import SetClock

from refrain_cache import AsyncCache, CacheSettings, Timing

QUICK = Timing(
    busy=0.02,
    lease_patience=0.1,
    store_patience=0.5,
    flush=0.05,
    beat=0.1,
    stale_after=0.5,
    probe_first=0.05,
    probe_last=0.2,
)


@pytest.fixture
def settings(tmp_path: Path) -> CacheSettings:
    return CacheSettings(cache_dir=tmp_path / "cache")


@pytest.fixture
def make_cache(settings: CacheSettings) -> Callable[..., AsyncCache]:
    return lambda **given: AsyncCache(settings, **{"timing": QUICK, **given})


@pytest.fixture
def database(settings: CacheSettings) -> Path:
    assert settings.cache_dir is not None
    return settings.cache_dir / "perf_cache.db"


Becomes = Callable[[AsyncCache, str], Awaitable[None]]


@pytest.fixture
def becomes() -> Becomes:
    """Wait until a cache's mode is the one named."""

    async def wait(cache: AsyncCache, mode: str) -> None:
        changed = asyncio.Event()
        unsubscribe = cache.subscribe(changed.set)
        try:
            async with asyncio.timeout(20):
                while cache.state.mode != mode:
                    changed.clear()
                    await changed.wait()
        finally:
            unsubscribe()

    return wait


def answering(value: Any) -> Callable[[], Awaitable[Any]]:
    """A function to compute with, that answers `value`."""

    async def compute() -> Any:
        return value

    return compute


@pytest.fixture
def answers() -> Callable[[Any], Callable[[], Awaitable[Any]]]:
    return answering


@pytest.fixture
def clock() -> SetClock:
    return SetClock()
