"""`make bench`: one hit of ~1 KB among 10,000 entries, ours beside raw sqlite3 and the peers.

All candidates run interleaved in one process; the figure to read is the ratio to raw sqlite3. The
last line is one JSON object. Peers are those importable here (`make bench` installs diskcache).
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite
import diskcache
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from refrain_cache import AsyncCache, CacheSettings, Fingerprint, fingerprint

ENTRIES = 10_000
ROUNDS = 2_000
VALUE = {"text": "x" * 1000}

Lookup = Callable[[int], Awaitable[object]]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = await measure(Path(folder))
    raw = results["raw sqlite3"]
    table = Table(box=box.SIMPLE_HEAD, title="One hit, p50", title_justify="left")
    for heading in ("candidate", "µs", "ratio to raw"):
        table.add_column(heading, justify="left" if heading == "candidate" else "right")
    for name, us in sorted(results.items(), key=lambda item: item[1]):
        table.add_row(name, f"{us:.1f}", f"{us / raw:.2f}×")
    Console().print(table)
    ratios = {name: round(us / raw, 3) for name, us in results.items()}
    print(json.dumps({"entries": ENTRIES, "rounds": ROUNDS, "ratio_to_raw_sqlite3": ratios}))


async def measure(folder: Path) -> dict[str, float]:
    """Median µs of one lookup, by candidate."""
    prints = [fingerprint("api", f"question {n}") for n in range(ENTRIES)]
    encoded = json.dumps(VALUE)
    raw = sqlite3.connect(folder / "raw.db", isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
    raw.execute("BEGIN")
    raw.executemany("INSERT INTO entries VALUES (?, ?)", [(fp.key, encoded) for fp in prints])
    raw.execute("COMMIT")
    peer = diskcache.Cache(str(folder / "diskcache"), statistics=True, eviction_policy="none")
    with peer.transact():
        for fp in prints:
            peer.set(fp.key, VALUE)
    disk = CacheSettings(cache_dir=folder / "refrain", memory_entries=0)
    memory = CacheSettings(cache_dir=folder / "refrain", memory_entries=2 * ENTRIES)
    async with AsyncCache(disk) as ours:
        await store(ours, prints)
    async with (
        AsyncCache(disk) as from_disk,
        AsyncCache(memory) as from_memory,
        aiosqlite.connect(folder / "raw.db") as threaded,
    ):
        for fp in prints:
            await from_memory.lookup(fp)
        query = "SELECT value FROM entries WHERE key = ?"

        async def raw_lookup(n: int) -> object:
            return json.loads(raw.execute(query, (prints[n].key,)).fetchone()[0])

        async def threaded_lookup(n: int) -> object:
            rows = list(await threaded.execute_fetchall(query, (prints[n].key,)))
            return json.loads(rows[0][0])

        async def peer_lookup(n: int) -> object:
            return peer.get(prints[n].key)

        return await interleaved(
            {
                "raw sqlite3": raw_lookup,
                "refrain, memory": lambda n: from_memory.lookup(prints[n]),
                "refrain, disk": lambda n: from_disk.lookup(prints[n]),
                "aiosqlite, execute_fetchall": threaded_lookup,
                "diskcache, statistics on": peer_lookup,
                "making the fingerprint": lambda n: made(n),
            }
        )


async def made(n: int) -> object:
    return fingerprint("api", f"question {n}")


async def store(cache: AsyncCache, prints: list[Fingerprint]) -> None:
    """Fill the file, a few hundred at a time so that commits are shared."""
    for start in track(range(0, ENTRIES, 500), description="Storing"):
        await asyncio.gather(
            *(
                cache.set(content=f"question {n}", cache_type="api", value=VALUE)
                for n in range(start, start + 500)
            )
        )
    assert await cache.peek(prints[0])


async def interleaved(candidates: dict[str, Lookup]) -> dict[str, float]:
    chooser = random.Random(7)
    taken: dict[str, list[int]] = {name: [] for name in candidates}
    for _ in track(range(ROUNDS), description="Looking up"):
        n = chooser.randrange(ENTRIES)
        for name, lookup in candidates.items():
            began = time.perf_counter_ns()
            found = await lookup(n)
            taken[name].append(time.perf_counter_ns() - began)
            assert found is not None
    return {name: statistics.median(times) / 1000 for name, times in taken.items()}


if __name__ == "__main__":
    asyncio.run(main())
