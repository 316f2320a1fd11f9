"""Computes that ask the cache again, that ask for themselves, and that raise what they like."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refrain_cache import (
    AsyncCache,
    Cache,
    CacheClosedError,
    CacheError,
    CacheSettings,
    OwnerFailedError,
    RecursiveComputeError,
    fingerprint,
)

PATIENCE_S = 30
# More for a long night: REFRAIN_RAISING_CALLS=10000.
CALLS = int(os.environ.get("REFRAIN_RAISING_CALLS", "1200"))
THREADS, PROCESSES, KEYS = 16, 4, 40
RAISED: tuple[type[BaseException], ...] = (
    ValueError,
    KeyError,
    RuntimeError,
    OSError,
    MemoryError,
    RecursionError,
    StopIteration,
    StopAsyncIteration,
    GeneratorExit,
    SystemExit,
    KeyboardInterrupt,
    asyncio.CancelledError,
)


@pytest.fixture
def blocking(settings: CacheSettings) -> Any:
    with Cache(settings) as cache:
        yield cache


def within(work: Callable[[], Any]) -> Any:
    """What `work` returns or raises; fails if it hangs. A daemon thread, so that the test ends."""
    ended: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            ended.set_result((work(), None))
        except BaseException as error:
            ended.set_result((None, error))

    threading.Thread(target=run, daemon=True).start()
    value, error = ended.result(PATIENCE_S)
    if error is not None:
        raise error
    return value


def test_sixty_four_levels_of_blocking_computes_are_answered(blocking: Cache) -> None:
    def level(n: int) -> int:
        if n == 64:
            return 0
        inner = blocking.get_or_compute(fingerprint("api", n), lambda: level(n + 1))
        return inner.value + 1

    assert within(lambda: level(0)) == 64


def test_many_nested_computes_at_once_are_answered(blocking: Cache) -> None:
    def outer(n: int) -> int:
        inner = blocking.get_or_compute(fingerprint("api", f"inner {n}"), lambda: n)
        return inner.value

    def ask(n: int) -> int:
        return blocking.get_or_compute(fingerprint("api", n), lambda: outer(n)).value

    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        assert list(threads.map(ask, range(20), timeout=PATIENCE_S)) == list(range(20))


def test_a_compute_that_asks_for_its_own_answer_is_told(blocking: Cache) -> None:
    asked = fingerprint("api", "itself")

    def compute() -> Any:
        return blocking.get_or_compute(asked, lambda: 1).value

    with pytest.raises(RecursiveComputeError, match="asks, itself or through another"):
        within(lambda: blocking.get_or_compute(asked, compute))


async def test_two_computes_that_ask_for_each_other_are_told(settings: CacheSettings) -> None:
    a, b = fingerprint("api", "a"), fingerprint("api", "b")
    async with AsyncCache(settings) as cache:

        async def asking(other: Any) -> Any:
            await asyncio.sleep(0.01)  # so that both are under way
            return (await cache.get_or_compute(other, lambda: asking(other))).value

        async with asyncio.timeout(PATIENCE_S):
            both = await asyncio.gather(
                cache.get_or_compute(a, lambda: asking(b)),
                cache.get_or_compute(b, lambda: asking(a)),
                return_exceptions=True,
            )
        assert all(isinstance(one, RecursiveComputeError) for one in both)


async def test_computes_of_two_processes_that_ask_for_each_other_end(
    settings: CacheSettings,
) -> None:
    # Two caches on one file are two processes to each other: they meet in its leases only.
    a, b = fingerprint("api", "a"), fingerprint("api", "b")
    async with AsyncCache(settings) as one, AsyncCache(settings) as other:
        begun: dict[str, asyncio.Event] = {"a": asyncio.Event(), "b": asyncio.Event()}

        async def outer(cache: AsyncCache, name: str, asks: Any, its_name: str) -> str:
            begun[name].set()
            await begun[its_name].wait()

            async def inner() -> str:
                return f"{its_name} inside {name}"

            return (await cache.get_or_compute(asks, inner)).value

        async with asyncio.timeout(PATIENCE_S):
            answers = await asyncio.gather(
                one.get_or_compute(a, lambda: outer(one, "a", b, "b")),
                other.get_or_compute(b, lambda: outer(other, "b", a, "a")),
            )
    # One of them may find what the other has just stored.
    assert {answer.value for answer in answers} <= {"b inside a", "a inside b"}


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: kind.__name__)
def test_whatever_a_compute_raises_reaches_every_waiter(
    blocking: Cache, kind: type[BaseException]
) -> None:
    gate = threading.Event()

    def compute() -> Any:
        gate.wait(PATIENCE_S)
        raise kind("from the compute")

    def ask() -> type[BaseException]:
        try:
            blocking.get_or_compute(fingerprint("api", kind.__name__), compute)
        except BaseException as error:
            return type(error)
        raise AssertionError("an answer")

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(ask) for _ in range(4)]
        time.sleep(0.02)
        gate.set()
        assert {one.result(PATIENCE_S) for one in waiting} == {kind}
    assert blocking.get_or_compute(fingerprint("api", "another"), lambda: 1).value == 1
    stats = blocking.get_stats()
    assert (stats["misses"], stats["coalesced"], stats["hit_rate"]) == (5, 0, 0.0)


def test_every_caller_gets_its_own_error_or_a_value(tmp_path: Path) -> None:
    """Of each of the twelve types, at random, from many threads of several processes."""
    per_process = CALLS // PROCESSES
    running = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path), str(seed), str(per_process)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(PROCESSES)
    ]
    for process in running:
        said, _ = process.communicate(timeout=60 + CALLS / 50)
        report = json.loads(said)
        assert report["strange"] == []
        assert report["ended"] == per_process
        assert report["values"] > 0
        assert report["slowest_s"] < 10


def raise_at_random(folder: Path, seed: int, calls: int) -> None:
    """`calls` computes that raise or answer; prints what became of them."""
    cache = Cache(CacheSettings(cache_dir=folder, memory_entries=0))
    strange: list[str] = []
    ended = values = 0
    slowest = 0.0
    counting = threading.Lock()

    def one(n: int) -> None:
        nonlocal ended, values, slowest
        rng = random.Random(f"{seed} {n}")
        key, dice = rng.randrange(KEYS), rng.random()
        kind = RAISED[key % len(RAISED)]

        def compute() -> Any:
            time.sleep(rng.random() * 0.002)
            if dice < 0.9:
                raise kind("on purpose")
            return key

        began, problem, got = time.monotonic(), None, 0
        try:
            answer = cache.get_or_compute(fingerprint("api", key), compute, fresh=dice > 0.5)
            got = 1
            if answer.value != key:
                problem = f"{answer.value!r} for {key}"
        except OwnerFailedError as error:
            if kind.__name__ not in str(error):
                problem = str(error)
        except BaseException as error:
            if type(error) is not kind:
                problem = f"{error!r} for {kind.__name__}"
        with counting:
            ended, values = ended + 1, values + got
            slowest = max(slowest, time.monotonic() - began)
            if problem:
                strange.append(problem)

    with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(one, range(calls)))
    cache.close()
    print(
        json.dumps({"strange": strange[:5], "ended": ended, "values": values, "slowest_s": slowest})
    )


@pytest.mark.parametrize("verb", ["export", "verify", "import_"])
def test_closing_strands_no_other_thread(
    settings: CacheSettings, tmp_path: Path, verb: str
) -> None:
    file = tmp_path / "answers.jsonl.gz"
    cache = Cache(settings)
    for n in range(50):
        cache.set(content=n, cache_type="api", value="long " * 5000)
    cache.export(file)
    begun = threading.Event()

    def work() -> str:
        try:
            while True:
                begun.set()
                getattr(cache, verb)(*([] if verb == "verify" else [file]))
        except CacheClosedError:
            return "closed"

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        working = threads.submit(lambda: within(work))
        begun.wait(PATIENCE_S)
        time.sleep(0.02)
        threads.submit(cache.close).result(PATIENCE_S)
        assert working.result(PATIENCE_S) == "closed"


def test_closing_ends_those_who_wait_for_a_compute(settings: CacheSettings) -> None:
    cache = Cache(settings)
    begun, never = threading.Event(), threading.Event()

    def compute() -> None:
        begun.set()
        never.wait(PATIENCE_S)

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(cache.get_or_compute, fingerprint("api", "slow"), compute)
        begun.wait(PATIENCE_S)
        threads.submit(cache.close).result(PATIENCE_S)
        with pytest.raises(CacheClosedError):
            waiting.result(PATIENCE_S)
        never.set()


def test_a_verb_in_the_caches_own_thread_is_refused_not_hung(blocking: Cache) -> None:
    heard: concurrent.futures.Future[BaseException] = concurrent.futures.Future()

    def listener() -> None:
        try:
            blocking.get_stats()
        except CacheError as error:
            if not heard.done():
                heard.set_result(error)

    blocking.subscribe(listener)
    blocking.get(content="a", cache_type="api")
    assert "own thread" in str(heard.result(PATIENCE_S))


if __name__ == "__main__":
    raise_at_random(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
