"""Every lookup ends in exactly one outcome, and only whole answers are kept."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import attrs
import pytest

from refrain_cache import (
    AsyncCache,
    CacheSettings,
    CacheUnavailableError,
    NotJsonError,
    Selection,
    fingerprint,
)

ASKED = fingerprint("stage1_enrichment", "I'm feeling grateful", identity={"model": "smol"})


class Engine:
    """Counts its runs; answers, fails, or waits to be let go."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = (
            {"wheel": ["happy", "grateful"], "n": [1, 2.5, None]} if answer is None else answer
        )
        self.runs = 0
        self.cancelled = 0
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> Any:
        self.runs += 1
        self.began.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_miss_then_hits_from_memory_and_from_disk(
    cache: AsyncCache, settings: CacheSettings
) -> None:
    engine = Engine()
    miss = await cache.get_or_compute(ASKED, engine)
    memory = await cache.get_or_compute(ASKED, engine)
    assert (miss.outcome, miss.tier, miss.reason) == ("miss", None, "never seen")
    assert (memory.outcome, memory.tier, memory.reason) == ("hit", "memory", None)
    await cache.close()
    async with AsyncCache(settings) as reopened:
        disk = await reopened.get_or_compute(ASKED, engine)
    assert (disk.outcome, disk.tier) == ("hit", "disk")
    assert miss.value == memory.value == disk.value
    assert engine.runs == 1
    assert disk.cost_ms == memory.cost_ms == miss.cost_ms
    assert disk.saved_ms == pytest.approx(max(0.0, disk.cost_ms - disk.lookup_ms))


async def test_who_looks_at_once_sees_a_hit_also_beside_another(cache: AsyncCache) -> None:
    engine = Engine()
    await cache.get_or_compute(ASKED, engine)
    for hits in range(1, 20):
        await cache.get_or_compute(ASKED, engine)
        pages = await asyncio.gather(*(cache.entries() for _ in range(3)))
        assert [page.entries[0].uses for page in pages] == [hits + 1] * 3


async def test_a_caller_may_change_its_answer_without_changing_anothers(cache: AsyncCache) -> None:
    engine = Engine()
    first = await cache.get_or_compute(ASKED, engine)
    first.value["wheel"].append("spoiled")
    second = await cache.get_or_compute(ASKED, engine)
    second.value["wheel"].append("spoiled too")
    third = await cache.lookup(ASKED)
    assert third is not None
    assert third.value["wheel"] == ["happy", "grateful"]


async def test_equal_questions_at_once_run_the_engine_once(cache: AsyncCache) -> None:
    engine = Engine()
    engine.go.clear()
    callers = [asyncio.create_task(cache.get_or_compute(ASKED, engine)) for _ in range(20)]
    await engine.began.wait()
    engine.go.set()
    outcomes = await asyncio.gather(*callers)
    assert engine.runs == 1
    assert sorted(o.outcome for o in outcomes) == ["coalesced"] * 19 + ["miss"]
    assert len({id(o.value) for o in outcomes}) == 20
    stats = await cache.get_stats()
    assert (stats.lookups, stats.misses, stats.coalesced) == (20, 1, 19)


async def test_cancelling_one_caller_leaves_the_others_their_answer(cache: AsyncCache) -> None:
    engine = Engine()
    engine.go.clear()
    first = asyncio.create_task(cache.get_or_compute(ASKED, engine))
    await engine.began.wait()
    second = asyncio.create_task(cache.get_or_compute(ASKED, engine))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    engine.go.set()
    assert (await second).value == engine.answer
    assert (engine.runs, engine.cancelled) == (1, 0)
    stats = await cache.get_stats()
    assert (stats.lookups, stats.misses, stats.coalesced) == (2, 1, 1)


async def test_cancelling_the_last_caller_cancels_the_engine_and_the_next_starts_anew(
    cache: AsyncCache,
) -> None:
    engine = Engine()
    engine.go.clear()
    only = asyncio.create_task(cache.get_or_compute(ASKED, engine))
    await engine.began.wait()
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    engine.go.set()
    again = await cache.get_or_compute(ASKED, engine)
    assert (again.outcome, engine.runs, engine.cancelled) == ("miss", 2, 1)


async def test_a_failure_reaches_every_waiter_and_is_not_kept(cache: AsyncCache) -> None:
    engine = Engine(ValueError("out of memory"))
    engine.go.clear()
    callers = [asyncio.create_task(cache.get_or_compute(ASKED, engine)) for _ in range(3)]
    await engine.began.wait()
    engine.go.set()
    failures = await asyncio.gather(*callers, return_exceptions=True)
    assert all(failure is engine.answer for failure in failures)
    engine.answer = "better"
    again = await cache.get_or_compute(ASKED, engine)
    assert (again.outcome, again.value, engine.runs) == ("miss", "better", 2)


async def test_what_validation_refuses_is_not_kept(cache: AsyncCache) -> None:
    def validate(answer: Any) -> None:
        raise LookupError(f"{answer} is not on the wheel")

    with pytest.raises(LookupError, match="not on the wheel"):
        await cache.get_or_compute(ASKED, Engine("blue"), validate=validate)
    assert not await cache.peek(ASKED)
    stats = await cache.get_stats()
    assert (stats.lookups, stats.refused, stats.misses) == (1, 1, 0)


@pytest.mark.parametrize("odd", [{1: "a"}, {"deep": [{2: 3}]}, float("nan"), object(), {"s": {1}}])
async def test_an_answer_that_is_not_json_is_returned_and_not_kept(
    cache: AsyncCache, odd: Any
) -> None:
    outcome = await cache.get_or_compute(ASKED, Engine(odd))
    assert outcome.value is odd
    assert outcome.outcome == "refused"
    assert "not JSON" in (outcome.reason or "")
    assert not await cache.peek(ASKED)
    with pytest.raises(NotJsonError):
        await cache.set(content="x", cache_type="api", value=odd)


async def test_tuples_come_back_from_memory_as_they_do_from_disk(cache: AsyncCache) -> None:
    await cache.get_or_compute(ASKED, Engine({"pair": (1, 2)}))
    hit = await cache.lookup(ASKED)
    assert hit is not None
    assert (hit.tier, hit.value) == ("memory", {"pair": [1, 2]})


async def test_fresh_computes_anew_and_replaces(cache: AsyncCache) -> None:
    await cache.get_or_compute(ASKED, Engine("old"))
    fresh = await cache.get_or_compute(ASKED, Engine("new"), fresh=True)
    assert (fresh.outcome, fresh.reason, fresh.value) == ("miss", "asked afresh", "new")
    hit = await cache.lookup(ASKED)
    assert hit is not None
    assert hit.value == "new"
    assert (await cache.entries()).total == 1


async def test_a_replaced_answer_leaves_the_memory_of_other_caches(
    cache: AsyncCache, settings: CacheSettings, clock: Any
) -> None:
    async with AsyncCache(settings, clock=clock) as other:
        assert await other.set(content="a", cache_type="api", value="old")
        assert await cache.get(content="a", cache_type="api") == "old"
        assert await cache.set(content="a", cache_type="api", value="new")
        await other._books.flush()
        assert await other.get(content="a", cache_type="api") == "new"


async def test_a_purge_leaves_the_memory_of_other_caches(
    cache: AsyncCache, settings: CacheSettings, clock: Any
) -> None:
    async with AsyncCache(settings, clock=clock) as other:
        assert await other.set(content="a", cache_type="api", value=1)
        assert (await cache.purge(Selection(everything=True))).entries == 1
        await other._books.flush()
        assert await other.get(content="a", cache_type="api") is None


async def test_entries_expire_by_kind(cache: AsyncCache, clock: Any) -> None:
    for kind in ("api", "stage1_enrichment"):
        assert await cache.set(content="a", cache_type=kind, value=kind)
    clock.at += 86_401
    assert await cache.get(content="a", cache_type="api") is None
    assert await cache.get(content="a", cache_type="stage1_enrichment") == "stage1_enrichment"
    clock.at += 2_592_000
    assert await cache.get(content="a", cache_type="stage1_enrichment") is None
    assert (await cache.get_stats()).miss_causes == {"expired": 2}
    assert await cache.clear_expired() == 2
    assert (await cache.entries()).total == 0


async def test_expired_entries_are_cleared_at_the_next_start(
    cache: AsyncCache, settings: CacheSettings, clock: Any
) -> None:
    assert await cache.set(content="a", cache_type="api", value=1, ttl=10)
    assert await cache.set(content="b", cache_type="api", value=2, ttl=1000)
    await cache.close()
    clock.at += 11
    async with AsyncCache(settings, clock=clock) as reopened:
        await reopened._tiers.settle(10)
        assert [e.kind for e in (await reopened.entries()).entries] == ["api"]
        assert await reopened.get(content="b", cache_type="api") == 2
        assert await reopened.get(content="a", cache_type="api") is None
        assert (await reopened.get_stats()).miss_causes == {"expired": 1}


async def test_a_cache_that_is_off_touches_nothing_and_computes(settings: CacheSettings) -> None:
    off = attrs.evolve(settings, enabled=False)
    async with AsyncCache(off) as cache:
        engine = Engine()
        for _ in range(2):
            outcome = await cache.get_or_compute(ASKED, engine)
            assert (outcome.outcome, outcome.value) == ("bypass", engine.answer)
        assert engine.runs == 2
        assert not await cache.set(content="a", cache_type="api", value=1)
        assert await cache.get(content="a", cache_type="api") is None
        assert cache.state.mode == "off"
        assert (await cache.get_stats("all")).bypassed == 3
        with pytest.raises(CacheUnavailableError, match="off by configuration"):
            await cache.purge(Selection(everything=True))
    assert settings.cache_dir is not None
    assert not settings.cache_dir.exists()


async def test_pending_stores_are_finished_at_close(settings: CacheSettings) -> None:
    cache = AsyncCache(settings)
    await cache.open()
    await asyncio.gather(
        *(cache.get_or_compute(fingerprint("api", n), Engine(n)) for n in range(50))
    )
    await cache.close()
    async with AsyncCache(settings) as reopened:
        assert (await reopened.entries()).total == 50


async def test_without_a_memory_tier_answers_on_their_way_to_disk_are_found(
    settings: CacheSettings,
) -> None:
    async with AsyncCache(attrs.evolve(settings, memory_entries=0)) as cache:
        engine = Engine()
        await cache.get_or_compute(ASKED, engine)
        outcomes = [await cache.get_or_compute(ASKED, engine) for _ in range(3)]
        assert {o.outcome for o in outcomes} == {"hit"}
        assert engine.runs == 1


async def test_an_answer_over_the_size_limit_is_returned_and_refused(
    settings: CacheSettings,
) -> None:
    async with AsyncCache(attrs.evolve(settings, max_bytes=65_536)) as cache:
        noise = random.Random(1).randbytes(100_000).hex()
        outcome = await cache.get_or_compute(ASKED, Engine(noise))
        assert (outcome.outcome, outcome.value) == ("refused", noise)
        assert (await cache.get_stats()).bytes == 0


async def test_listeners_are_told_and_can_leave(cache: AsyncCache) -> None:
    told: list[str] = []
    leave = cache.subscribe(lambda: told.append("one"))
    cache.subscribe(lambda: told.append("two"))
    await cache.get(content="a", cache_type="api")
    assert told == ["one", "two"]
    leave()
    await cache.get(content="a", cache_type="api")
    assert told == ["one", "two", "two"]


async def test_large_answers_are_packed_and_come_back_whole(
    cache: AsyncCache, settings: CacheSettings
) -> None:
    large = {"text": "again and again. " * 1000, "half a pair": "\ud83d"}
    assert await cache.set(content="a", cache_type="api", value=large)
    (entry,) = (await cache.entries()).entries
    assert entry.bytes < 2000
    await cache.close()
    async with AsyncCache(settings) as reopened:
        assert await reopened.get(content="a", cache_type="api") == large
