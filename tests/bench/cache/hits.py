"""One hit of about 1 KB among 10,000 entries: ours beside raw sqlite3 and what people use."""

from __future__ import annotations

import asyncio
import statistics
from contextlib import AsyncExitStack, closing
from pathlib import Path

import aiosqlite
from cachetools import LRUCache
from rich.progress import track
from tests.bench.cache.peers import SELECT, DiskCache, Filled, GPTCache
from tests.bench.cache.questions import KIND, answer, full_print, print_of, question
from tests.bench.cache.report import Bar, Section
from tests.bench.cache.turns import Awaited, Direct, Lookup, in_turns

from refrain_cache import AsyncCache, CacheSettings

RAW, MEMORY, DISK = "raw sqlite3", "refrain, memory", "refrain, disk"
PRINT = "making the fingerprint"
FULL_PRINT = "making one of 60 words and 12 options"


async def store_all(settings: CacheSettings, entries: int) -> None:
    """Fill a cache through `set`, some hundred at a time so that commits are shared."""
    async with AsyncCache(settings) as cache:
        for start in track(range(0, entries, 500), description="Storing"):
            kept = await asyncio.gather(
                *(
                    cache.set(content=question(n), cache_type=KIND, value=answer(n))
                    for n in range(start, min(start + 500, entries))
                )
            )
            assert all(kept)


async def measure(folder: Path, entries: int, turns: int) -> tuple[Section, ...]:
    prints = [print_of(n) for n in range(entries)]
    keys = [fp.key for fp in prints]
    prompts = [question(n) for n in range(entries)]
    # Room for one in memory: a hit from disk then pays for remembering what it found, as it does
    # in a program, and no later one profits.
    settings = CacheSettings(cache_dir=folder / "refrain", memory_entries=1)
    await store_all(settings, entries)
    async with AsyncExitStack() as stack:
        peers = Filled.into(stack, folder, keys)
        plain = stack.enter_context(closing(DiskCache(folder / "plain", counts=False)))
        plain.fill(keys)
        lru: LRUCache[str, object] = LRUCache(2 * entries)
        lru.update({key: answer(n) for n, key in enumerate(keys)})
        threaded = await stack.enter_async_context(aiosqlite.connect(peers.raw.path))
        from_disk = await stack.enter_async_context(AsyncCache(settings))
        from_memory = await stack.enter_async_context(
            AsyncCache(CacheSettings(cache_dir=folder / "refrain", memory_entries=2 * entries))
        )
        for fp in prints:
            await from_memory.lookup(fp)

        async def fetchall(n: int) -> object:
            (row,) = await threaded.execute_fetchall(SELECT, (keys[n],))
            return row

        async def fetchone(n: int) -> object:
            async with threaded.execute(SELECT, (keys[n],)) as cursor:
                return await cursor.fetchone()

        async def hop(_: int) -> object:
            return await threaded.execute_fetchall("SELECT 1")

        candidates: dict[str, Lookup] = {
            RAW: Direct(lambda n: peers.raw.get(keys[n])),
            MEMORY: Awaited(lambda n: from_memory.lookup(prints[n])),
            DISK: Awaited(lambda n: from_disk.lookup(prints[n])),
            "cachetools LRU, the object itself": Direct(lambda n: lru[keys[n]]),
            "diskcache, its defaults": Direct(lambda n: plain.get(keys[n])),
            "diskcache, LRU and statistics": Direct(lambda n: peers.counted.get(keys[n])),
            "litellm disk": Direct(lambda n: peers.litellm.get(keys[n])),
            "LangChain SQLiteCache": Direct(lambda n: peers.langchain.get(prompts[n]), each=5),
            "aiosqlite execute_fetchall, the text": Awaited(fetchall),
            "aiosqlite execute, fetchone, the text": Awaited(fetchone),
            "a hop to aiosqlite's thread and back": Awaited(hop),
            PRINT: Direct(print_of),
            FULL_PRINT: Direct(full_print),
        }
        notes = [
            "All decode what they read but those that say otherwise; the time is from the key on."
        ]
        try:
            gptcache = stack.enter_context(closing(GPTCache(folder / "gptcache")))
            gptcache.fill(prompts)
            candidates["GPTCache, sqlite and faiss"] = Direct(
                lambda n: gptcache.get(prompts[n]), each=1
            )
        except Exception as error:
            notes.append(f"GPTCache could not be set up: {type(error).__name__}: {error}")
        taken = await in_turns(candidates, turns, entries, "Looking up")
    p50 = {name: statistics.median(times) / 1000 for name, times in taken.items()}
    raw_us = p50[RAW]
    section = Section(
        "hits",
        f"One hit among {entries:,} entries, p50",
        ("candidate", "µs", "ratio to raw"),
        tuple(
            (name, f"{us:.1f}", f"{us / raw_us:.2f}×")
            for name, us in sorted(p50.items(), key=lambda item: item[1])
        ),
        (
            Bar("from memory, ratio to raw", p50[MEMORY] / raw_us, "≤", 0.4),
            Bar("its fingerprint, ratio to raw", p50[PRINT] / raw_us, "≤", 0.2),
            Bar("from disk through AsyncCache, ratio to raw", p50[DISK] / raw_us, "≤", 1.5),
        ),
        {
            "entries": entries,
            "raw_us": round(raw_us, 2),
            "ratio_to_raw": {name: round(us / raw_us, 3) for name, us in p50.items()},
        },
        tuple(notes),
    )
    return (section,)
