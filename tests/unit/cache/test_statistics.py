"""Counts that survive restarts, add up across processes, and percentiles within one percent."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ddsketch.mapping import LogarithmicMapping
from hypothesis import given
from hypothesis import strategies as st

from refrain_cache import AsyncCache, CacheSettings, fingerprint
from refrain_cache.accounts.tally import bucket_of, percentiles


@given(st.floats(1e-5, 1e7))
def test_buckets_are_those_of_ddsketch(ms: float) -> None:
    assert abs(bucket_of(ms) - LogarithmicMapping(0.01).key(ms)) <= 1
    assert LogarithmicMapping(0.01).value(bucket_of(ms)) == pytest.approx(ms, rel=0.0101)


def test_percentiles_are_within_one_percent() -> None:
    rng = random.Random(3)
    samples = sorted(rng.lognormvariate(1, 2) for _ in range(20_000))
    buckets: dict[int, int] = {}
    for sample in samples:
        buckets[bucket_of(sample)] = buckets.get(bucket_of(sample), 0) + 1
    found = percentiles(buckets)
    assert found is not None
    assert found.count == len(samples)
    for quantile, value in ((0.5, found.p50), (0.95, found.p95), (0.99, found.p99)):
        exact = samples[int(quantile * (len(samples) - 1))]
        assert value == pytest.approx(exact, rel=0.0101)


def test_no_samples_have_no_percentiles() -> None:
    assert percentiles({}) is None


async def ask(cache: AsyncCache, content: Any, kind: str = "api", model: str = "m") -> None:
    async def compute() -> Any:
        return content

    await cache.get_or_compute(fingerprint(kind, content), compute, model=model)


async def test_counts_add_up_across_caches_and_restarts(
    cache: AsyncCache, settings: CacheSettings, clock: Any
) -> None:
    await ask(cache, 1)
    await ask(cache, 1)
    async with AsyncCache(settings, clock=clock) as other:
        await other._tiers.settle(5)
        await ask(other, 1)
        await ask(other, 2, kind="stage1_enrichment", model="n")
        mine = await other.get_stats("session")
        assert (mine.hits_memory, mine.hits_disk, mine.misses) == (0, 1, 1)
    await cache.get_stats("all")
    await cache.close()
    async with AsyncCache(settings, clock=clock) as reopened:
        for window in ("hour", "day", "all"):
            stats = await reopened.get_stats(window)
            assert (stats.hits_memory, stats.hits_disk, stats.misses) == (1, 1, 2)
            assert stats.lookups == 4
            assert stats.hit_rate == 0.5
            assert stats.miss_causes == {"never seen": 2}
            assert stats.hit_ms is not None
            assert stats.hit_ms.count == 2
            assert stats.store_ms is not None
            assert stats.store_ms.count == 2
            assert [(k.kind, k.hits, k.misses, k.entries) for k in stats.kinds] == [
                ("api", 2, 1, 1),
                ("stage1_enrichment", 0, 1, 1),
            ]
            assert [(m.model, m.stats.kind) for m in stats.models] == [
                ("m", "api"),
                ("n", "stage1_enrichment"),
            ]
            assert [(p.hits, p.misses) for p in stats.timeline] == [(2, 2)]
        session = await reopened.get_stats("session")
        assert (session.lookups, session.hit_rate, session.entries) == (0, None, 2)


async def test_windows_let_go_of_what_is_older(cache: AsyncCache, clock: Any) -> None:
    await ask(cache, 1)
    clock.at += 2 * 3600
    await ask(cache, 2)
    assert (await cache.get_stats("hour")).misses == 1
    assert (await cache.get_stats("day")).misses == 2
    clock.at += 25 * 3600
    await ask(cache, 3)
    assert (await cache.get_stats("day")).misses == 1
    whole = await cache.get_stats("all")
    assert whole.misses == 3
    assert whole.miss_ms is not None
    assert whole.miss_ms.count == 3


async def test_the_timeline_has_a_point_a_minute(cache: AsyncCache, clock: Any) -> None:
    start = clock.at // 60 * 60
    for minute in range(3):
        clock.at = start + 60 * minute
        await ask(cache, minute)
        await ask(cache, minute)
    for window in ("session", "hour", "all"):
        timeline = (await cache.get_stats(window)).timeline
        assert [p.at for p in timeline] == [start, start + 60, start + 120]
        assert [(p.hits, p.misses) for p in timeline] == [(1, 1)] * 3


async def test_as_dict_is_plain(cache: AsyncCache) -> None:
    await ask(cache, 1)
    plain = (await cache.get_stats()).as_dict()
    assert plain["kinds"][0]["kind"] == "api"
    assert isinstance(plain["timeline"], list)
    assert plain["state"]["mode"] == "on"


async def test_bytes_and_entries_follow_replacing_and_removing(cache: AsyncCache) -> None:
    await cache.set(content="a", cache_type="api", value="x" * 100)
    small = await cache.get_stats()
    await cache.set(content="a", cache_type="api", value="x" * 1100, model="other")
    large = await cache.get_stats()
    assert (large.entries, large.bytes) == (1, small.bytes + 1000 + len("other"))
    assert [(m.model, m.stats.entries) for m in large.models if m.stats.entries] == [("other", 1)]
