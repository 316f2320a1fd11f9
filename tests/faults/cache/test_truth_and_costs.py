"""What is told is so, what is private stays so, and what is not used costs nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import psutil
import pytest
from tests.set_clock import SetClock

from refrain_cache import (
    AsyncCache,
    Cache,
    CacheSettings,
    CacheUnavailableError,
    EntryError,
    NotJsonError,
    Selection,
    fingerprint,
)
from refrain_cache.sqlite import lease

MakeCache = Callable[..., AsyncCache]
Answers = Callable[[Any], Callable[[], Any]]
DAY_S = 86_400


def nested(levels: int) -> Any:
    value: Any = "the bottom"
    for _ in range(levels):
        value = [value]
    return value


# --- the writer ---------------------------------------------------------------------------------


async def test_an_invalid_entry_is_refused_and_its_neighbours_are_kept(
    make_cache: MakeCache,
) -> None:
    async with make_cache() as cache:
        wrong = [
            {"value": nested(500)},
            {"value": float("nan")},
            {"value": 1, "cost_ms": float("nan")},
            {"value": 1, "ttl": float("nan")},
            {"value": 1, "label": "\ud800"},
            {"value": 1, "model": "\udfff"},
        ]
        ended = await asyncio.gather(
            *(
                cache.set(content=f"wrong {n}", cache_type="api", **given)
                for n, given in enumerate(wrong)
            ),
            *(cache.set(content=n, cache_type="api", value=n) for n in range(20)),
            return_exceptions=True,
        )
        assert all(isinstance(error, EntryError) for error in ended[: len(wrong)])
        assert ended[len(wrong) :] == [True] * 20
        assert cache.state.mode == "on"


@pytest.mark.parametrize(
    "value",
    [nested(500), {1: 2}, {"a": float("inf")}, object()],
    ids=["too deep", "a key that is no text", "infinity", "no JSON"],
)
async def test_an_answer_that_cannot_be_stored_is_still_given(
    make_cache: MakeCache, answers: Answers, value: Any
) -> None:
    async with make_cache() as cache:
        outcome = await cache.get_or_compute(fingerprint("api", "a"), answers(value))
    assert (outcome.value, outcome.outcome) == (value, "refused")


async def test_a_label_that_fails_costs_the_label_only(
    make_cache: MakeCache, answers: Answers
) -> None:
    async with make_cache() as cache:
        outcome = await cache.get_or_compute(
            fingerprint("api", "a"), answers(1), label=lambda value: value["no such thing"]
        )
        assert outcome.outcome == "miss"
        assert [entry.label for entry in (await cache.entries()).entries] == [""]


async def test_the_writer_outlives_whatever_a_job_raises(make_cache: MakeCache) -> None:
    async with make_cache() as cache:
        store = cache._tiers.store
        assert store is not None
        for error in (RuntimeError, MemoryError, SystemExit, sqlite3.IntegrityError):

            def job(_: Any, error: type[BaseException] = error) -> None:
                raise error("in a job")

            failing, kept = store.write(job), cache.set(content="a", cache_type="api", value=1)
            with pytest.raises(BaseException, match="in a job"):
                await asyncio.wait_for(failing, 10)
            assert await asyncio.wait_for(kept, 10)
        assert cache.state.mode == "on"


@pytest.mark.parametrize("name", ["with\0nul", "half \ud800 a pair"], ids=ascii)
async def test_a_folder_that_no_system_can_name_is_a_bypass(
    settings: CacheSettings, answers: Answers, name: str
) -> None:
    strange = attrs.evolve(settings, cache_dir=Path(f"/tmp/{name}"))
    async with asyncio.timeout(20), AsyncCache(strange) as cache:
        assert cache.state.mode == "bypass"
        assert (await cache.get_or_compute(fingerprint("api", "a"), answers(1))).value == 1


# --- truth --------------------------------------------------------------------------------------


async def test_set_is_false_for_what_its_own_commit_evicts(settings: CacheSettings) -> None:
    async with AsyncCache(attrs.evolve(settings, max_entries=2, memory_entries=0)) as cache:
        for name in ("dear", "dearer"):
            assert await cache.set(content=name, cache_type="api", value=1, cost_ms=9000)
        assert not await cache.set(content="cheap", cache_type="api", value=1)
        assert await cache.get(content="cheap", cache_type="api") is None


async def test_purging_a_locked_file_says_so(make_cache: MakeCache, database: Path) -> None:
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CacheUnavailableError, match="locked by another program"):
            await cache.purge(Selection(everything=True))
        other.close()


async def test_ingredients_go_with_the_last_entry_that_needs_them(
    make_cache: MakeCache, database: Path
) -> None:
    async with make_cache() as cache:
        for n in range(3):
            await cache.set(content=n, cache_type="api", value=n, params={"customer": "Jo"})
        await cache.set(content="b", cache_type="api", value=1, params={"customer": "Al"})

        def recipes() -> str:
            with sqlite3.connect(database) as conn:
                return str(conn.execute("SELECT recipe FROM recipe").fetchall())

        first = fingerprint("api", 0, params={"customer": "Jo"}).key
        await cache.purge(Selection(key_prefix=first))
        assert "Jo" in recipes()
        await cache.purge(Selection(kind="api", least_used=3))
        assert "Jo" not in recipes() or "Al" not in recipes()
        await cache.purge(Selection(everything=True))
        assert recipes() == "[]"
        assert await cache.set(content=0, cache_type="api", value=0, params={"customer": "Jo"})
        assert "Jo" in recipes()


async def test_sizes_are_those_of_bytes(make_cache: MakeCache) -> None:
    async with make_cache() as cache:
        for name, text in (("ascii", "a" * 3000), ("chinese", "猫" * 1000)):
            fp = fingerprint(name, text, private=())
            await cache.get_or_compute(fp, lambda: asyncio.sleep(0, 1))
        held = {kind.kind: kind.bytes for kind in (await cache.get_stats()).kinds}
    assert held["chinese"] == held["ascii"] + len("chinese") - len("ascii")


async def test_ten_failures_are_no_hits(make_cache: MakeCache) -> None:
    async def fails() -> None:
        await asyncio.sleep(0.01)
        raise ValueError("no")

    async with make_cache() as cache:
        asked = fingerprint("api", "a")
        await asyncio.gather(
            *(cache.get_or_compute(asked, fails) for _ in range(10)), return_exceptions=True
        )
        stats = await cache.get_stats()
    assert (stats.lookups, stats.misses, stats.hit_rate) == (10, 10, 0.0)
    assert stats.miss_causes == {"failed": 9, "never seen": 1}


async def test_a_cache_that_was_never_opened_says_so(
    settings: CacheSettings, answers: Answers
) -> None:
    cache = AsyncCache(settings)
    outcome = await cache.get_or_compute(fingerprint("api", "a"), answers(1))
    assert outcome.reason == cache.state.reason == "the cache is not open"


async def test_a_clock_that_was_ahead_loses_no_day(settings: CacheSettings) -> None:
    clock = SetClock()
    async with AsyncCache(settings, clock=clock) as cache:
        for minute in range(3):
            await cache.get(content=minute, cache_type="api")
            clock.at += 60
            await cache.get_stats("day")
        clock.at += 40 * DAY_S
        await cache.get(content="ahead", cache_type="api")
        await cache.get_stats("day")
        clock.at -= 40 * DAY_S
        await cache.get(content="back", cache_type="api")
        day = await cache.get_stats("day")
        assert day.misses == 4
        assert len(day.timeline) == 4
        assert (await cache.get_stats("all")).misses == 5


# --- privacy ------------------------------------------------------------------------------------


async def test_what_an_engine_raised_is_not_written_down(
    make_cache: MakeCache, database: Path
) -> None:
    async def fails() -> None:
        raise ValueError("could not parse: my private words")

    async with make_cache() as cache:
        with pytest.raises(ValueError, match="private words"):
            await cache.get_or_compute(fingerprint("api", "a"), fails)
        await cache.get_stats("all")
        with sqlite3.connect(database) as conn:
            assert conn.execute("SELECT error FROM lease").fetchall() == [("ValueError",)]


async def test_a_file_that_others_could_read_is_closed_to_them(
    make_cache: MakeCache, database: Path
) -> None:
    async with make_cache() as cache:
        await cache.set(content="a", cache_type="api", value=1)
    database.chmod(0o644)
    async with make_cache() as cache:
        await cache.set(content="b", cache_type="api", value=1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in database.parent.iterdir()}
        assert set(modes.values()) == {0o600}, modes


# --- liveness -----------------------------------------------------------------------------------


def test_an_owner_is_known_by_its_start_and_not_by_the_wall_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = lease.owner_name()
    # What psutil tells of a process's start moves with the clock.
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: time.time() + 1e6)
    assert not lease.is_dead(mine)
    ended = subprocess.run(
        [sys.executable, "-c", "from refrain_cache.sqlite import lease; print(lease.owner_name())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert lease.is_dead(ended)
    realm, pid, _, nonce = mine.rsplit("/", 3)
    assert lease.is_dead(f"{realm}/{pid}/another start/{nonce}")


def test_of_processes_that_cannot_be_seen_only_the_beat_tells() -> None:
    realm, _, start, nonce = lease.owner_name().rsplit("/", 3)
    # The same number in another namespace of process numbers, another boot, another machine.
    for elsewhere in (f"{realm}1", "another-boot/pid:[1]", f"{socket.gethostname()}-2"):
        assert not lease.is_dead(f"{elsewhere}/{2**22 - 1}/{start}/{nonce}")
    assert lease.is_dead(f"{realm}/{2**22 - 1}/{start}/{nonce}")


# --- costs --------------------------------------------------------------------------------------


async def test_what_is_used_during_a_bypass_is_not_remembered_without_bound(
    make_cache: MakeCache, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refrain_cache.accounts import books

    monkeypatch.setattr(books, "_TOUCHES_KEPT", 50)
    async with make_cache() as cache:
        for n in range(200):
            await cache.set(content=n, cache_type="api", value=n)
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert not await cache.set(content="locked out", cache_type="api", value=1)
        for n in range(200):
            assert await cache.get(content=n, cache_type="api") == n
        await cache._books.flush()
        assert (len(cache._books.touched), len(cache._books._waiting)) == (0, 50)
        other.close()


def test_fifty_caches_hold_few_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from refrain_cache.sqlite import reader, writer

    monkeypatch.setattr(writer, "_IDLE_S", 0.1)
    monkeypatch.setattr(reader, "_IDLE_S", 0.1)
    before = threading.active_count()
    caches = [Cache(CacheSettings(cache_dir=tmp_path / str(n))) for n in range(50)]
    for cache in caches:
        assert cache.set(content="a", cache_type="api", value=1)
        assert cache.get(content="b", cache_type="api") is None
    ends = time.monotonic() + 20
    while threading.active_count() > before + 1 and time.monotonic() < ends:
        time.sleep(0.05)
    assert threading.active_count() <= before + 1
    # They begin anew where they are needed.
    assert all(cache.set(content="c", cache_type="api", value=1) for cache in caches)
    for cache in caches:
        cache.close()


async def test_answers_that_cannot_be_kept_do_not_queue_up(make_cache: MakeCache) -> None:
    """Two caches on one file are two processes to each other."""
    asked, runs, at_once = fingerprint("api", "a"), 0, asyncio.Event()

    async def compute() -> Any:
        nonlocal runs
        runs += 1
        if runs == 1:
            await asyncio.sleep(0.3)  # for it the others wait
            return object()
        if runs == 5:
            at_once.set()
        # One after another they would never be four.
        await asyncio.wait_for(at_once.wait(), 20)
        return object()

    caches = [make_cache() for _ in range(6)]
    for cache in caches:
        await cache.open()
    ended = await asyncio.gather(*(cache.get_or_compute(asked, compute) for cache in caches))
    assert [one.outcome for one in ended] == ["refused"] * 6
    for cache in caches:
        await cache.close()


async def test_a_large_answer_is_encoded_beside_the_loop(make_cache: MakeCache) -> None:
    answer = {"words": ["some words to pack"] * 200_000}
    async with make_cache() as cache:
        threads = set()
        encode = json_encode_thread(threads)
        outcome = await cache.get_or_compute(
            fingerprint("api", "large"), lambda: asyncio.sleep(0, answer), label=encode
        )
        assert outcome.outcome == "miss"
        assert threading.get_ident() not in threads
        assert threads


def json_encode_thread(threads: set[int]) -> Callable[[Any], str]:
    def label(_: Any) -> str:
        threads.add(threading.get_ident())
        return "made where the entry is"

    return label


def test_a_deleted_working_directory_breaks_nothing(tmp_path: Path) -> None:
    script = (
        "import os, refrain_cache; gone = os.getcwd(); os.rmdir(gone); "
        "cache = refrain_cache.get_cache(); "
        "print(cache.set(content='a', cache_type='api', value=1), cache.state.mode)"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "caches")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=gone, env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("True on\n", "")


def test_not_json_is_one_sort_of_invalid_entry() -> None:
    assert issubclass(NotJsonError, EntryError)
