"""64 stores at once, each awaited to its commit, beside raw sqlite3 committing one by one."""

from __future__ import annotations

import asyncio
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


async def measure(folder: Path, turns: int) -> Section:
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
            async with threaded.execute(
                "INSERT INTO entries VALUES (?, ?)", (keys[n - first], str(answer(n)))
            ):
                return True

        def one_by_one(store: Callable[[str, object], None], names: list[str]) -> None:
            for n, name in enumerate(names, first):
                store(name, answer(n))

        async def plainly(store: Callable[[str, object], None], names: list[str]) -> None:
            one_by_one(store, names)

        rates: dict[str, list[float]] = {}
        rng = random.Random(3)
        for turn in track(range(turns), description="Storing"):
            first = turn * PER_TURN
            numbers = range(first, first + PER_TURN)
            keys = [print_of(n).key for n in numbers]
            prompts = [question(n) for n in numbers[:LANGCHAIN_PER_TURN]]
            runs: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
                RAW: (PER_TURN, lambda: plainly(raw.set, keys)),
                OURS: (PER_TURN, lambda: at_once(numbers, ours_sets)),
                "aiosqlite, 64 at once": (PER_TURN, lambda: at_once(numbers, threaded_sets)),
                "diskcache, LRU and statistics": (PER_TURN, lambda: plainly(counted.set, keys)),
                "litellm disk": (PER_TURN, lambda: plainly(litellm.set, keys)),
                LANGCHAIN: (LANGCHAIN_PER_TURN, lambda: plainly(langchain.set, prompts)),
            }
            for name in shuffled(rng, runs):
                count, run = runs[name]
                began = time.perf_counter()
                await run()
                rates.setdefault(name, []).append(count / (time.perf_counter() - began))
    rate = {name: statistics.median(found) for name, found in rates.items()}
    return Section(
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
