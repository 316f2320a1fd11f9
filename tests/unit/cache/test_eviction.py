"""What goes first, and that the limits hold."""

from __future__ import annotations

import random
import sqlite3
from typing import Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_cache import AsyncCache, CacheSettings, fingerprint
from refrain_cache.sqlite.eviction import POLICIES

LIMIT = 200_000


def test_the_default_policy_keeps_what_is_dear_used_and_small() -> None:
    rank = POLICIES["cost"].rank
    plain = rank(0.0, 1.0, 1, 100.0, 1000)
    assert rank(0.0, 1.0, 1, 200.0, 1000) > plain
    assert rank(0.0, 1.0, 2, 100.0, 1000) > plain
    assert rank(0.0, 1.0, 1, 100.0, 2000) < plain
    assert rank(5.0, 1.0, 1, 100.0, 1000) > plain
    assert rank(0.0, 1.0, 1, 0.0, 1000) > 0


def test_lru_looks_at_nothing_but_the_last_use() -> None:
    rank = POLICIES["lru"].rank
    assert rank(9.0, 1.0, 50, 100.0, 1) < rank(0.0, 2.0, 1, 1.0, 10_000)


@given(
    st.sampled_from(sorted(POLICIES)),
    st.floats(0, 1e6),
    st.floats(1e9, 2e9),
    st.integers(1, 10_000),
    st.floats(0, 1e7),
    st.integers(0, 10**9),
)
def test_a_rank_is_the_same_in_sql(
    policy: str, inflation: float, last_used_at: float, uses: int, cost_ms: float, size: int
) -> None:
    sql = POLICIES[policy].rank_sql.format(last_used_at="last_used_at", uses="uses")
    columns = "? AS last_used_at, ? AS uses, ? AS cost_ms, ? AS bytes"
    conn = sqlite3.connect(":memory:")
    conn.execute(f"CREATE TABLE entry AS SELECT {columns}", (last_used_at, uses, cost_ms, size))
    (rank,) = conn.execute(f"SELECT {sql} FROM entry", {"inflation": inflation}).fetchone()
    conn.close()
    assert rank == pytest.approx(
        POLICIES[policy].rank(inflation, last_used_at, uses, cost_ms, size), rel=1e-12
    )


@pytest.mark.parametrize("policy", ["cost", "lru"])
async def test_the_size_limit_holds_after_every_store(
    settings: CacheSettings, policy: Literal["cost", "lru"]
) -> None:
    rng = random.Random(5)
    limited = attrs.evolve(settings, max_bytes=LIMIT, eviction=policy)
    async with AsyncCache(limited) as cache:
        for n in range(400):
            value = rng.randbytes(rng.randrange(10, 4000)).hex()
            await cache.set(content=n, cache_type="api", value=value, cost_ms=rng.random() * 1e3)
            if n % 40 == 0:
                assert (await cache.get_stats()).bytes <= LIMIT
        stats = await cache.get_stats()
        assert LIMIT * 0.8 < stats.bytes <= LIMIT


async def test_the_entry_limit_holds(settings: CacheSettings) -> None:
    async with AsyncCache(attrs.evolve(settings, max_entries=10, eviction="lru")) as cache:
        for n in range(25):
            await cache.set(content=n, cache_type="api", value=n)
        assert (await cache.get_stats()).entries == 10
        left = [n for n in range(25) if await cache.peek(fingerprint("api", n))]
        assert left[-10:] == list(range(15, 25))


async def test_a_dear_entry_outlives_cheap_ones_and_expired_ones_go_first(
    settings: CacheSettings,
) -> None:
    async with AsyncCache(attrs.evolve(settings, max_entries=3, memory_entries=0)) as cache:
        await cache.set(content="dear", cache_type="api", value=1, cost_ms=9000)
        await cache.set(content="cheap", cache_type="api", value=1, cost_ms=1)
        await cache.set(content="stale", cache_type="api", value=1, cost_ms=9e9, ttl=-1)
        await cache.set(content="new", cache_type="api", value=1, cost_ms=50)
        assert await cache.peek(fingerprint("api", "cheap"))
        assert (await cache.explain(fingerprint("api", "stale"))).cause == "expired"
        await cache.set(content="newer", cache_type="api", value=1, cost_ms=60)
        assert not await cache.peek(fingerprint("api", "cheap"))
        assert await cache.peek(fingerprint("api", "dear"))


async def test_once_dear_entries_age_when_nobody_asks(settings: CacheSettings) -> None:
    async with AsyncCache(attrs.evolve(settings, max_entries=5, memory_entries=0)) as cache:
        await cache.set(content="dear", cache_type="api", value=1, cost_ms=100)
        for n in range(200):
            await cache.set(content=n, cache_type="api", value=1, cost_ms=20)
        assert not await cache.peek(fingerprint("api", "dear"))


async def test_changing_the_policy_ranks_what_is_there_anew(settings: CacheSettings) -> None:
    async with AsyncCache(attrs.evolve(settings, eviction="lru")) as cache:
        await cache.set(content="dear", cache_type="api", value=1, cost_ms=9000)
        await cache.set(content="cheap", cache_type="api", value=1, cost_ms=1)
    async with AsyncCache(attrs.evolve(settings, max_entries=2)) as cache:
        await cache.set(content="new", cache_type="api", value=1, cost_ms=100)
        assert await cache.peek(fingerprint("api", "dear"))
        assert not await cache.peek(fingerprint("api", "cheap"))
