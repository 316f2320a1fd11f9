"""`@cached`: one's own functions, explained, counted and single-flighted like everything."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from refrain_cache import Cache, CacheSettings, FingerprintError, Selection, cached


@pytest.fixture
def blocking(settings: CacheSettings) -> Iterator[Cache]:
    with Cache(settings) as cache:
        yield cache


class Counted:
    """Counts the runs of what it is asked to be."""

    def __init__(self, cache: Cache) -> None:
        self.runs: list[Any] = []

        @cached(cache=cache, kind="api", ttl=60)
        def weather(city: str, units: str = "metric", *more: int, **rest: Any) -> Any:
            self.runs.append(city)
            return {"city": city, "units": units, "more": list(more), **rest}

        @cached(cache=cache)
        async def slow(city: str) -> str:
            self.runs.append(city)
            await asyncio.sleep(0.05)
            return city.upper()

        self.weather, self.slow = weather, slow


@pytest.fixture
def counted(blocking: Cache) -> Counted:
    return Counted(blocking)


def test_equal_arguments_are_answered_once_however_they_are_given(counted: Counted) -> None:
    first = counted.weather("Oslo")
    assert counted.weather(city="Oslo", units="metric") == first
    assert counted.weather("Oslo", "metric") == first
    assert counted.runs == ["Oslo"]
    assert counted.weather("Oslo", "imperial")["units"] == "imperial"
    assert counted.weather("Oslo", "metric", 1, 2, wind=True)["more"] == [1, 2]
    assert len(counted.runs) == 3


def test_it_is_counted_explained_and_purged(counted: Counted, blocking: Cache) -> None:
    counted.weather("Oslo")
    counted.weather("Oslo")
    (kind,) = blocking.get_stats()["kinds"]
    assert (kind["kind"], kind["hits"], kind["misses"]) == ("api", 1, 1)
    (entry,) = blocking.entries().entries
    assert entry.label.endswith("weather")
    assert entry.expires_at is not None
    assert entry.expires_at - entry.created_at == pytest.approx(60)
    asked = counted.weather.fingerprint("Oslo")  # type: ignore[attr-defined]
    assert blocking.explain(asked).would_hit
    assert blocking.purge(Selection(key_prefix=asked.key)).entries == 1
    counted.weather("Oslo")
    assert counted.runs == ["Oslo", "Oslo"]


def test_threads_that_ask_at_once_run_it_once(blocking: Cache) -> None:
    runs = []

    @cached(cache=blocking)
    def slow(n: int) -> int:
        runs.append(n)
        time.sleep(0.05)
        return n

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        assert list(threads.map(slow, [7] * 8)) == [7] * 8
    assert runs == [7]


async def test_a_coroutine_runs_in_its_callers_loop_and_once(
    counted: Counted, blocking: Cache
) -> None:
    assert await asyncio.gather(*(counted.slow("oslo") for _ in range(8))) == ["OSLO"] * 8
    assert counted.runs == ["oslo"]
    loops = []

    @cached(cache=blocking)
    async def where() -> None:
        loops.append((asyncio.get_running_loop(), threading.get_ident()))

    await where()
    assert loops == [(asyncio.get_running_loop(), threading.get_ident())]


def test_a_key_stands_for_arguments_that_are_not_json(blocking: Cache) -> None:
    class Client:
        @cached(cache=blocking, key=lambda self, path: path)
        def fetch(self, path: str) -> str:
            return f"{id(self)} {path}"

    assert Client().fetch("/a") == Client().fetch("/a")

    @cached(cache=blocking)
    def bad(client: object) -> None:
        raise AssertionError("asked")

    with pytest.raises(FingerprintError, match=r"bad cannot be cached by its arguments.*key"):
        bad(Client())


def test_what_it_raises_is_raised_and_not_stored(blocking: Cache) -> None:
    @cached(cache=blocking)
    def fails(n: int) -> int:
        raise LookupError(n)

    for _ in range(2):
        with pytest.raises(LookupError):
            fails(1)
    assert blocking.entries().total == 0


def test_other_functions_and_other_identities_share_nothing(blocking: Cache) -> None:
    def one(n: int) -> str:
        return "one"

    def two(n: int) -> str:
        return "two"

    assert cached(cache=blocking)(one)(1) == "one"
    assert cached(cache=blocking)(two)(1) == "two"
    assert cached(cache=blocking, identity={"version": 2})(one)(1) == "one"
    assert blocking.entries().total == 3


def test_without_a_cache_it_uses_that_of_the_process(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRAIN_CONFIG", str(tmp_path / "config" / "perf_config.json"))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "perf_config.json").write_text('{"caching": {"cache_dir": "here"}}')

    @cached
    def answer() -> int:
        return 42

    assert answer() == 42
    assert (tmp_path / "here" / "perf_cache.db").is_file()
    assert answer.__name__ == "answer"
