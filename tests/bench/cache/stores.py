"""64 stores at once, each awaited to its commit, beside raw sqlite3 committing one by one."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import aiosqlite
from rich.progress import track
from tests.bench.cache.peers import DiskCache, LangChain, LiteLLM, Raw
from tests.bench.cache.questions import KIND, answer, print_of, question
from tests.bench.cache.report import Bar, Section
from tests.bench.cache.turns import shuffled

from refrain_cache import AsyncCache, CacheSettings

AT_ONCE = 64
PER_TURN = 640
# LangChain's commits take a thousand times as long; this many tell as much.
LANGCHAIN_PER_TURN = 32
RAW, OURS, LANGCHAIN = (
    "raw sqlite3, one commit each",
    "refrain, 64 at once",
    "LangChain, one by one",
)


async def at_once(numbers: range, store: Callable[[int], Awaitable[bool]]) -> None:
    """64 callers, each storing its next as soon as its last is committed."""
    coming = iter(numbers)

    async def caller() -> None:
        for n in coming:
            assert await store(n)

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


async def measure(folder: Path, turns: int) -> tuple[Section, ...]:
    async with AsyncExitStack() as stack:
        raw = stack.enter_context(closing(Raw(folder / "raw.db")))
        counted = stack.enter_context(closing(DiskCache(folder / "counted", counts=True)))
        litellm = stack.enter_context(closing(LiteLLM(folder / "litellm")))
        langchain = stack.enter_context(closing(LangChain(folder / "langchain.db")))
        other = Raw(folder / "threaded.db")
        other.close()
        threaded = await stack.enter_async_context(
            aiosqlite.connect(other.path, isolation_level=None)
        )
        await threaded.execute("PRAGMA synchronous = NORMAL")
        ours = await stack.enter_async_context(
            AsyncCache(CacheSettings(cache_dir=folder / "refrain"))
        )

        async def ours_sets(n: int) -> bool:
            return await ours.set(content=question(n), cache_type=KIND, value=answer(n))

        async def threaded_sets(n: int) -> bool:
            values = (keys[n], json.dumps(answer(n)))
            async with threaded.execute("INSERT INTO entries VALUES (?, ?)", values):
                return True

        def one_by_one(
            store: Callable[[str, object], None], names: list[str]
        ) -> Callable[[range], Awaitable[None]]:
            async def run(numbers: range) -> None:
                for n in numbers:
                    store(names[n], answer(n))

            return run

        keys = [print_of(n).key for n in range(turns * PER_TURN)]
        prompts = [question(n) for n in range(turns * PER_TURN)]
        runs: dict[str, Callable[[range], Awaitable[None]]] = {
            RAW: one_by_one(raw.set, keys),
            OURS: lambda numbers: at_once(numbers, ours_sets),
            "aiosqlite, 64 at once": lambda numbers: at_once(numbers, threaded_sets),
            "diskcache, LRU and statistics": one_by_one(counted.set, keys),
            "litellm disk": one_by_one(litellm.set, keys),
            LANGCHAIN: one_by_one(langchain.set, prompts),
        }
        rates: dict[str, list[float]] = {name: [] for name in runs}
        rng = random.Random(3)
        for first in track(range(0, turns * PER_TURN, PER_TURN), description="Storing"):
            for name in shuffled(rng, runs):
                count = LANGCHAIN_PER_TURN if name == LANGCHAIN else PER_TURN
                began = time.perf_counter()
                await runs[name](range(first, first + count))
                rates[name].append(count / (time.perf_counter() - began))
    rate = {name: statistics.median(found) for name, found in rates.items()}
    section = Section(
        "stores",
        f"Stores of ~1 KB a second, median of {turns} turns",
        ("candidate", "a second", "ratio to raw"),
        tuple(
            (name, f"{a_second:,.0f}", f"{a_second / rate[RAW]:.3f}×")
            for name, a_second in sorted(rate.items(), key=lambda item: -item[1])
        ),
        (
            Bar("64 at once, ratio to raw", rate[OURS] / rate[RAW], "≥", 0.6),
            Bar("64 at once, ratio to LangChain", rate[OURS] / rate[LANGCHAIN], "≥", 10),
        ),
        {
            "turns": turns,
            "raw_a_second": round(rate[RAW]),
            "ratio_to_raw": {name: round(r / rate[RAW], 4) for name, r in rate.items()},
        },
        (
            "Ours makes its fingerprints within the time; the others are given their keys.",
            "WAL and synchronous = NORMAL for ours, raw, aiosqlite, diskcache and litellm; "
            "LangChain keeps SQLite's defaults and waits for the disk each time.",
        ),
    )
    return (section,)
