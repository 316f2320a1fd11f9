"""Folders that are missing, vanish, are full, locked or read-only: the answer is still returned."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from tests.faults.disks import fill, remount

from refrain_cache import AsyncCache, CacheSettings, fingerprint

MakeCache = Callable[..., AsyncCache]
Answers = Callable[[Any], Callable[[], Any]]


async def test_a_file_in_place_of_the_folder(
    make_cache: MakeCache, database: Path, answers: Answers, becomes: Any
) -> None:
    database.parent.write_text("in the way")
    async with make_cache() as cache:
        assert cache.state.mode == "bypass"
        assert str(database) in (cache.state.reason or "")
        outcome = await cache.get_or_compute(fingerprint("api", "a"), answers(1))
        assert (outcome.value, outcome.outcome) == (1, "bypass")
        assert database.parent.read_text() == "in the way"
        database.parent.unlink()
        await becomes(cache, "on")
        assert await cache.set(content="b", cache_type="api", value=2)


async def test_a_missing_folder_is_made_for_its_owner_only(
    make_cache: MakeCache, settings: CacheSettings, database: Path
) -> None:
    deep = attrs.evolve(settings, cache_dir=database.parent / "a" / "b")
    async with AsyncCache(deep) as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
        made = list((database.parent / "a" / "b").iterdir())
        assert (database.parent / "a" / "b").stat().st_mode & 0o777 == 0o700
        assert {p.stat().st_mode & 0o777 for p in made} == {0o600}


async def test_a_folder_deleted_under_us_is_begun_again(
    make_cache: MakeCache, database: Path, answers: Answers
) -> None:
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
        shutil.rmtree(database.parent)
        assert await cache.set(content="b", cache_type="api", value=2)
        assert database.exists()
        # Whoever deletes the folder wants the answers gone: memory too forgets them.
        outcome = await cache.get_or_compute(fingerprint("api", "a"), answers("anew"))
        assert (outcome.value, outcome.outcome) == ("anew", "miss")
    async with make_cache() as cache:
        assert await cache.get(content="b", cache_type="api") == 2


async def test_what_was_acknowledged_after_the_folder_vanished_is_on_disk(
    make_cache: MakeCache, database: Path
) -> None:
    async with make_cache() as cache:
        for n in range(30):
            if n % 10 == 5:
                shutil.rmtree(database.parent)
            assert await cache.set(content=n, cache_type="api", value=n)
    async with make_cache() as cache:
        kept = [await cache.get(content=n, cache_type="api") for n in range(30)]
    assert kept[25:] == [25, 26, 27, 28, 29]


async def test_a_lock_held_by_another_program(
    make_cache: MakeCache,
    database: Path,
    answers: Answers,
    becomes: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with make_cache() as cache:
        assert await cache.set(content="stored", cache_type="api", value="s")
        holder = sqlite3.connect(database, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.WARNING, "refrain.cache"):
            outcomes = [
                await cache.get_or_compute(fingerprint("api", n), answers(n)) for n in range(20)
            ]
        assert [o.value for o in outcomes] == list(range(20))
        assert {o.outcome for o in outcomes} == {"bypass"}
        assert cache.state.mode == "bypass"
        assert "locked" in (cache.state.reason or "")
        # What is stored can be read meanwhile, and what was computed is in memory.
        assert await cache.get(content="stored", cache_type="api") == "s"
        again = await cache.get_or_compute(fingerprint("api", 3), answers("not asked"))
        assert (again.value, again.outcome, again.tier) == (3, "hit", "memory")
        assert not await cache.set(content="c", cache_type="api", value=1)
        holder.execute("ROLLBACK")
        holder.close()
        await becomes(cache, "on")
        assert await cache.set(content="c", cache_type="api", value=1)
    assert caplog.text.count("Cache bypassed") == 1


async def test_a_file_locked_for_good_before_we_come(
    make_cache: MakeCache, database: Path, answers: Answers, becomes: Any
) -> None:
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    async with make_cache() as cache:
        assert cache.state.mode == "bypass"
        outcome = await cache.get_or_compute(fingerprint("api", "a"), answers("computed"))
        assert (outcome.value, outcome.outcome) == ("computed", "bypass")
        assert await cache.get(content="other", cache_type="api") is None
        assert (await cache.entries()).total == 0
        assert (await cache.get_stats("all")).bypassed == 2
        holder.execute("ROLLBACK")
        holder.close()
        await becomes(cache, "on")
        assert (await cache.entries()).total == 1


async def test_a_full_disk(
    settings: CacheSettings, small_disk: Path, make_cache: MakeCache, answers: Answers, becomes: Any
) -> None:
    ballast = small_disk / "ballast"
    full = attrs.evolve(settings, cache_dir=small_disk / "cache")
    cache = make_cache()
    cache = AsyncCache(full, timing=cache._timing)
    async with cache:
        assert await cache.set(content="kept", cache_type="api", value="k" * 1000)
        fill(ballast)
        stored = [await cache.set(content=n, cache_type="api", value=[n] * 900) for n in range(200)]
        assert not stored[-1]
        assert cache.state.mode == "bypass"
        assert "disk space" in (cache.state.reason or "")
        outcome = await cache.get_or_compute(fingerprint("api", "new"), answers("computed"))
        assert (outcome.value, outcome.outcome) == ("computed", "bypass")
        assert await cache.get(content="kept", cache_type="api") == "k" * 1000
        ballast.unlink()
        await becomes(cache, "on")
        assert await cache.set(content="after", cache_type="api", value=1)
    async with AsyncCache(full) as cache:
        for n, acknowledged in enumerate(stored):
            if acknowledged:
                assert await cache.get(content=n, cache_type="api") == [n] * 900


async def test_a_read_only_folder(
    settings: CacheSettings, small_disk: Path, make_cache: MakeCache, answers: Answers, becomes: Any
) -> None:
    placed = attrs.evolve(settings, cache_dir=small_disk / "cache")
    async with AsyncCache(placed) as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
    remount(small_disk, "ro")
    async with AsyncCache(placed, timing=make_cache()._timing) as cache:
        assert cache.state.mode == "bypass"
        outcome = await cache.get_or_compute(fingerprint("api", "b"), answers("computed"))
        assert (outcome.value, outcome.outcome) == ("computed", "bypass")
        remount(small_disk, "rw")
        await becomes(cache, "on")
        assert await cache.get(content="a", cache_type="api") == 1


async def test_a_clock_that_jumps_back(make_cache: MakeCache, clock: Any, answers: Answers) -> None:
    async with make_cache(clock=clock) as cache:
        assert await cache.set(content="a", cache_type="api", value=1, ttl=60)
        first = await cache.get_or_compute(fingerprint("api", "b"), answers("b"), ttl=60)
        assert first.outcome == "miss"
        clock.at -= 7 * 86_400
        assert await cache.get(content="a", cache_type="api") == 1
        assert await cache.set(content="c", cache_type="api", value=3, ttl=60)
        again = await cache.get_or_compute(fingerprint("api", "b"), answers("not asked"))
        assert (again.value, again.outcome) == ("b", "hit")
        await asyncio.wait_for(cache.get_stats("hour"), 10)
        explained = await cache.explain(fingerprint("api", "c"))
        assert explained.would_hit
    async with make_cache(clock=clock) as cache:
        assert await cache.get(content="c", cache_type="api") == 3
        clock.at += 61
        assert await cache.get(content="c", cache_type="api") is None
        stats = await cache.get_stats("all")
        assert (stats.hits_memory + stats.hits_disk, stats.misses) == (3, 2)
