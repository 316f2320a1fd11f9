"""A stream in which few questions come often (Zipf, exponent 1.0): the mean lookup."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from rich.progress import track
from tests.bench.cache.hits import store_all
from tests.bench.cache.peers import Filled
from tests.bench.cache.questions import print_of, question
from tests.bench.cache.report import Bar, Section
from tests.bench.cache.traces import zipf_numbers
from tests.bench.cache.turns import shuffled

from refrain_cache import AsyncCache, CacheSettings

OURS, OURS_AND_PRINT = "refrain", "refrain, making the fingerprint too"
PEERS = ("diskcache, LRU and statistics", "litellm disk", "LangChain SQLiteCache")
# A part of the stream each, then the next candidate has the same part.
PART = 200
# The slow ones have every so many parts only; it tells their mean as well.
EVERY = {PEERS[0]: 5, PEERS[2]: 20}


async def measure(folder: Path, entries: int, lookups: int) -> tuple[Section, ...]:
    prints = [print_of(n) for n in range(entries)]
    keys = [fp.key for fp in prints]
    prompts = [question(n) for n in range(entries)]
    settings = CacheSettings(cache_dir=folder / "refrain")
    await store_all(settings, entries)
    async with AsyncExitStack() as stack:
        peers = Filled.into(stack, folder, keys)
        # Both begin with an empty memory and the settings people get.
        ours = await stack.enter_async_context(AsyncCache(settings))
        asked = await stack.enter_async_context(AsyncCache(settings))
        awaited: dict[str, Callable[[int], Awaitable[object]]] = {
            OURS: lambda n: ours.lookup(prints[n]),
            OURS_AND_PRINT: lambda n: asked.lookup(print_of(n)),
        }
        direct: dict[str, Callable[[int], object]] = {
            "raw sqlite3": lambda n: peers.raw.get(keys[n]),
            PEERS[0]: lambda n: peers.counted.get(keys[n]),
            PEERS[1]: lambda n: peers.litellm.get(keys[n]),
            PEERS[2]: lambda n: peers.langchain.get(prompts[n]),
        }
        means: dict[str, list[float]] = {name: [] for name in (*awaited, *direct)}
        rng = random.Random(11)
        stream = zipf_numbers(rng, entries, lookups)
        for start in track(range(0, lookups, PART), description="Streaming"):
            part = stream[start : start + PART]
            for name in shuffled(rng, means):
                if start // PART % EVERY.get(name, 1):
                    continue
                began = time.perf_counter_ns()
                if name in awaited:
                    for n in part:
                        assert await awaited[name](n) is not None
                else:
                    for n in part:
                        assert direct[name](n) is not None
                means[name].append((time.perf_counter_ns() - began) / len(part) / 1000)
        hits = await ours.get_stats()
    mean = {name: statistics.fmean(times) for name, times in means.items()}
    section = Section(
        "zipf",
        f"Zipf(1.0) stream of {lookups:,} lookups over {entries:,} entries, mean",
        ("candidate", "µs", "ratio to refrain"),
        tuple(
            (name, f"{us:.1f}", f"{us / mean[OURS]:.2f}×")
            for name, us in sorted(mean.items(), key=lambda item: item[1])
        ),
        tuple(
            Bar(f"mean of refrain to that of {peer}", mean[OURS] / mean[peer], "<", 1)
            for peer in PEERS
        ),
        {
            "entries": entries,
            "lookups": lookups,
            "from_memory": round(hits.hits_memory / lookups, 3),
            "ratio_to_refrain": {name: round(us / mean[OURS], 3) for name, us in mean.items()},
        },
        (
            f"{hits.hits_memory / lookups:.0%} of ours came from memory "
            f"({settings.memory_entries:,} entries, by default), the rest from disk.",
        ),
    )
    return (section,)
