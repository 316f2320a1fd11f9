"""The blocking face: any thread, one engine run, and a program that just ends keeps its answers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from refrain_cache import Cache, CacheClosedError, CacheSettings, Selection, fingerprint, get_cache


def test_the_verbs(settings: CacheSettings) -> None:
    with Cache(settings) as cache:
        assert cache.get(content="a", cache_type="api") is None
        assert cache.set(content="a", cache_type="api", value={"n": 1}, label="first")
        assert cache.get(content="a", cache_type="api") == {"n": 1}
        assert cache.peek(fingerprint("api", "a"))
        assert [e.label for e in cache.entries().entries] == ["first"]
        stats = cache.get_stats()
        assert (stats["hits_memory"], stats["misses"], stats["hit_rate"]) == (1, 1, 0.5)
        json.dumps(stats)
        assert cache.explain(fingerprint("api", "a")).would_hit
        assert cache.verify().checked == 1
        assert cache.purge(Selection(everything=True)).entries == 1
        assert cache.clear_expired() == 0
    with pytest.raises(CacheClosedError):
        cache.get(content="a", cache_type="api")


def test_threads_that_ask_the_same_run_the_engine_once(settings: CacheSettings) -> None:
    runs: list[int] = []
    everybody_asks = threading.Barrier(9)
    let_go = threading.Event()

    def compute() -> str:
        runs.append(1)
        let_go.wait(30)
        return "answer"

    def ask() -> str:
        everybody_asks.wait(30)
        return cache.get_or_compute(fingerprint("api", "q"), compute).outcome

    with Cache(settings) as cache, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        everybody_asks.wait(30)
        let_go.set()
        outcomes = [one.result() for one in asked]
    assert len(runs) == 1
    assert outcomes.count("miss") == 1


def test_an_async_function_computes_as_well(settings: CacheSettings) -> None:
    async def compute() -> int:
        return 7

    with Cache(settings) as cache:
        assert cache.get_or_compute(fingerprint("api", "q"), compute).value == 7


def test_errors_of_the_engine_reach_the_caller(settings: CacheSettings) -> None:
    def compute() -> int:
        raise KeyError("no such model")

    with Cache(settings) as cache, pytest.raises(KeyError, match="no such model"):
        cache.get_or_compute(fingerprint("api", "q"), compute)


def test_one_cache_a_process_and_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config" / "perf_config.json"
    config.parent.mkdir()
    config.write_text('{"caching": {"cache_dir": "here"}}')
    cache = get_cache(config)
    assert get_cache(config) is cache
    assert cache.set(content="a", cache_type="api", value=1)
    assert (tmp_path / "here" / "perf_cache.db").exists()
    cache.close()
    assert get_cache(config) is not cache
    get_cache(config).close()


def says_when_it_ends(program: str) -> str:
    """What a program that runs to its end writes to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True
    )
    return done.stderr


def test_a_program_that_never_used_a_thread_ends_without_a_word(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from refrain_cache import Cache, CacheSettings\n"
        f"cache = Cache(CacheSettings(cache_dir=Path({str(tmp_path)!r})))\n"
        "cache.set(content='a', cache_type='api', value=1)\n"
        "cache.get(content='a', cache_type='api')"
    )
    assert says_when_it_ends(program) == ""
    with Cache(CacheSettings(cache_dir=tmp_path)) as cache:
        assert cache.get_stats("all")["hits_memory"] == 1


def test_a_loop_that_ends_with_the_cache_open_ends_without_a_word(tmp_path: Path) -> None:
    program = (
        "import asyncio; from pathlib import Path; from refrain_cache import *\n"
        "async def main():\n"
        f"    cache = AsyncCache(CacheSettings(cache_dir=Path({str(tmp_path)!r})))\n"
        "    await cache.open()\n"
        "    assert await cache.set(content='a', cache_type='api', value=1)\n"
        "    assert await cache.get(content='b', cache_type='api') is None\n"
        "asyncio.run(main())"
    )
    assert says_when_it_ends(program) == ""


def test_a_program_that_just_ends_ends_and_keeps_its_answers(tmp_path: Path) -> None:
    config = tmp_path / "config" / "perf_config.json"
    config.parent.mkdir()
    config.write_text("{}")
    program = (
        "from pathlib import Path; from refrain_cache import get_cache, fingerprint\n"
        f"cache = get_cache(Path({str(config)!r}))\n"
        "for n in range(20): cache.get_or_compute(fingerprint('api', n), lambda: n)\n"
    )
    assert says_when_it_ends(program) == ""
    with get_cache(config) as cache:
        assert cache.entries().total == 20
        assert cache.get_stats("all")["misses"] == 20


def test_a_cache_that_is_off_touches_nothing(tmp_path: Path) -> None:
    config = tmp_path / "config" / "perf_config.json"
    config.parent.mkdir()
    config.write_text('{"caching": {"enabled": false}}')
    with get_cache(config) as cache:
        assert not cache.set(content="a", cache_type="api", value=1)
        assert cache.get_or_compute(fingerprint("api", 1), lambda: 1).outcome == "bypass"
    assert [p.name for p in tmp_path.iterdir()] == ["config"]
