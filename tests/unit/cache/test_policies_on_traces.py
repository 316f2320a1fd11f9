"""What the eviction policies make of the benchmark's traces, in miniature: no time is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from tests.bench.cache.playing import Played, play
from tests.bench.cache.traces import TRACES, weight

from refrain_cache import CacheSettings

LENGTH = 1200


async def played(folder: Path, trace: str, policy: Literal["cost", "lru"]) -> Played:
    room = max(65_536, weight(TRACES[trace], LENGTH) // 5)
    settings = CacheSettings(
        cache_dir=folder / policy, max_bytes=room, eviction=policy, memory_entries=0
    )
    return await play(settings, TRACES[trace](LENGTH))


@pytest.mark.parametrize("trace", TRACES)
async def test_the_default_policy_saves_more_than_lru_in_as_many_bytes(
    tmp_path: Path, trace: str
) -> None:
    cost = await played(tmp_path, trace, "cost")
    lru = await played(tmp_path, trace, "lru")
    assert cost.asked_ms == lru.asked_ms
    assert 0 < lru.hits < lru.asked
    assert cost.saved_ms > lru.saved_ms
    assert max(cost.fullest, lru.fullest) <= 1.05


async def test_the_same_trace_ends_the_same(tmp_path: Path) -> None:
    first = await played(tmp_path / "first", "mixed cost and size", "cost")
    assert await played(tmp_path / "second", "mixed cost and size", "cost") == first


@pytest.mark.parametrize("trace", TRACES)
def test_a_trace_is_the_same_every_time(trace: str) -> None:
    assert list(TRACES[trace](500)) == list(TRACES[trace](500))
    assert len({ask.number for ask in TRACES[trace](500)}) < 500
