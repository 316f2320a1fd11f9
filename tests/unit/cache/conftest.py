"""A cache in a folder of its own, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.set_clock import SetClock

from refrain_cache import AsyncCache, CacheSettings


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
