"""A million entries: a hit from disk beside raw sqlite3, and what statistics cost."""

from __future__ import annotations

import asyncio
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import cast, get_args

import aiosqlite
import attrs
from rich.progress import track
from tests.bench.cache.peers import SELECT, Raw
from tests.bench.cache.questions import answer, print_of
from tests.bench.cache.report import Bar, Section
from tests.bench.cache.turns import Awaited, Direct, in_turns

from refrain_cache import AsyncCache, CacheSettings
from refrain_cache.accounts.stats import StatsWindow
from refrain_cache.entry import new_entry
from refrain_cache.settings import DATABASE_NAME
from refrain_cache.sqlite import rows
from refrain_cache.sqlite.eviction import POLICIES
from refrain_cache.sqlite.place import Place
from refrain_cache.sqlite.writer import Transaction

RAW, DISK = "raw sqlite3", "refrain, disk"
_STEP = 10_000
_FEW = 1_000
_WINDOWS = cast(tuple[StatsWindow, ...], get_args(StatsWindow))


def fill_raw(path: Path, entries: int) -> None:
    """Fill raw sqlite3's file, in a process of its own."""
    with closing(Raw(path)) as raw:
        for start in range(0, entries, _STEP):
            keys = [print_of(n).key for n in range(start, min(start + _STEP, entries))]
            raw.fill(keys, start)


def fill_ours(folder: Path, entries: int) -> None:
    """Fill a cache as its writer does, in larger transactions than callers would ever queue."""
    folder.mkdir()
    conn = Place(folder / DATABASE_NAME).connect_writer(1000)
    conn.execute("PRAGMA cache_size = -524288")
    new = new_entry(print_of(0), answer(0), ttl=None, cost_ms=900.0, label="", model="")
    for start in track(range(0, entries, _STEP), description=f"Storing {entries:,}"):
        conn.execute("BEGIN")
        transaction = Transaction(conn, time.time(), POLICIES["cost"], 0.0)
        for n in range(start, min(start + _STEP, entries)):
            rows.put(transaction, attrs.evolve(new, fingerprint=print_of(n)))
        rows.settle(transaction)
        conn.execute("COMMIT")
    conn.close()


async def measure(folder: Path, entries: int, turns: int) -> tuple[Section, Section]:
    with ProcessPoolExecutor(1) as pool:
        filling = pool.submit(fill_raw, folder / "raw.db", entries)
        fill_ours(folder / "refrain", entries)
        fill_ours(folder / "few", _FEW)
        await asyncio.wrap_future(filling)
    size = (folder / "refrain" / DATABASE_NAME).stat().st_size
    many = CacheSettings(cache_dir=folder / "refrain", memory_entries=1, max_bytes=1 << 40)
    async with AsyncExitStack() as stack:
        raw = stack.enter_context(closing(Raw(folder / "raw.db")))
        threaded = await stack.enter_async_context(aiosqlite.connect(raw.path))
        ours = await stack.enter_async_context(AsyncCache(many))
        few = await stack.enter_async_context(
            AsyncCache(CacheSettings(cache_dir=folder / "few", memory_entries=0))
        )
        # Made beforehand: what is asked for, not what making its name takes.
        step = max(1, entries // 20_000)
        prints = [print_of(n) for n in range(0, entries, step)]

        async def fetchall(n: int) -> object:
            (row,) = await threaded.execute_fetchall(SELECT, (prints[n].key,))
            return row

        taken = await in_turns(
            {
                RAW: Direct(lambda n: raw.get(prints[n].key)),
                DISK: Awaited(lambda n: ours.lookup(prints[n])),
                "aiosqlite execute_fetchall, the text": Awaited(fetchall),
            },
            turns,
            len(prints),
            "Looking up",
        )
        p50 = {name: statistics.median(times) / 1000 for name, times in taken.items()}
        reading = await _statistics(few, ours, entries)
    hits = Section(
        "million",
        f"One hit among {entries:,} entries, p50",
        ("candidate", "µs", "ratio to raw"),
        tuple(
            (name, f"{us:.1f}", f"{us / p50[RAW]:.2f}×")
            for name, us in sorted(p50.items(), key=lambda item: item[1])
        ),
        (Bar("from disk at this size, ratio to raw", p50[DISK] / p50[RAW], "≤", 7),),
        {
            "entries": entries,
            "raw_us": round(p50[RAW], 2),
            "ratio_to_raw": {name: round(us / p50[RAW], 3) for name, us in p50.items()},
            "file_mb": round(size / 1e6),
        },
        (f"Our file is {size / 1e6:,.0f} MB.",),
    )
    return hits, reading


async def _statistics(few: AsyncCache, many: AsyncCache, entries: int) -> Section:
    ms: dict[tuple[StatsWindow, str], list[float]] = {}
    for _ in track(range(40), description="Reading statistics"):
        for window in _WINDOWS:
            for name, cache in (("few", few), ("many", many)):
                began = time.perf_counter()
                found = await cache.get_stats(window)
                ms.setdefault((window, name), []).append((time.perf_counter() - began) * 1000)
                assert found.entries == (_FEW if name == "few" else entries)
    p50 = {name: statistics.median(times) for name, times in ms.items()}
    ratios = {window: p50[window, "many"] / p50[window, "few"] for window in _WINDOWS}
    return Section(
        "statistics",
        f"Reading statistics at {_FEW:,} and {entries:,} entries, p50",
        ("window", f"ms at {_FEW:,}", f"ms at {entries:,}", "ratio"),
        tuple(
            (w, f"{p50[w, 'few']:.2f}", f"{p50[w, 'many']:.2f}", f"{ratios[w]:.2f}×")
            for w in _WINDOWS
        ),
        (Bar("the slowest window, ratio to 1,000 entries", max(ratios.values()), "<", 10),),
        {"entries": entries, "ratio": {w: round(r, 3) for w, r in ratios.items()}},
    )
