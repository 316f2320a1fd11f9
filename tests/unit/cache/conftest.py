"""A cache in a folder of its own, and a clock that a test sets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from refrain_cache import AsyncCache, CacheSettings


class SetClock:
    """A wall clock that stands still until it is moved; what is measured is measured for real."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def tick(self) -> float:
        return time.perf_counter()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def settings(tmp_path: Path) -> CacheSettings:
    return CacheSettings(cache_dir=tmp_path / "cache")


@pytest.fixture
async def cache(settings: CacheSettings, clock: SetClock) -> AsyncIterator[AsyncCache]:
    async with AsyncCache(settings, clock=clock) as opened:
        assert opened.state.mode == "on"
        yield opened
