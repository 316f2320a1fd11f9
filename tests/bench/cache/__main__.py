"""`make bench-cache`: the cache beside raw sqlite3 and what people use today, all in one run.

The figure to read is the ratio to what ran beside it; milliseconds depend on the machine. The last
line is one JSON object. With `--quick`, everything is smaller: to see that it runs, not to quote.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from attrs import frozen
from rich.console import Console
from tests.bench.cache import editor, hits, million, policies, stores, zipf
from tests.bench.cache.report import Section

PEERS = ("diskcache", "litellm", "langchain-community", "gptcache", "aiosqlite", "cachetools")


@frozen
class Sizes:
    """How much of everything; `turns` are those of `turns.py`, `minute` is in seconds."""

    entries: int
    many: int
    turns: int
    store_turns: int
    stream: int
    trace: int
    minute: float


FULL = Sizes(
    entries=10_000,
    many=1_000_000,
    turns=120,
    store_turns=12,
    stream=100_000,
    trace=6_000,
    minute=60,
)
QUICK = Sizes(
    entries=1_000, many=20_000, turns=20, store_turns=4, stream=4_000, trace=2_000, minute=5
)


PARTS: dict[str, Callable[[Path, Sizes], Awaitable[tuple[Section, ...]]]] = {
    "hits": lambda folder, sizes: hits.measure(folder, sizes.entries, sizes.turns),
    "zipf": lambda folder, sizes: zipf.measure(folder, sizes.entries, sizes.stream),
    "stores": lambda folder, sizes: stores.measure(folder, sizes.store_turns),
    "policies": lambda folder, sizes: policies.measure(folder, sizes.trace),
    "editor": lambda folder, sizes: editor.measure(folder, sizes.minute),
    "million": lambda folder, sizes: million.measure(folder, sizes.many, sizes.turns),
}


async def measure(folder: Path, parts: Iterable[str], sizes: Sizes) -> list[Section]:
    found: list[Section] = []
    for name in parts:
        (folder / name).mkdir()
        found += await PARTS[name](folder / name, sizes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-cache", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, half a minute")
    parser.add_argument("--only", choices=PARTS, nargs="+", help="some parts of it")
    given = parser.parse_args()
    quick = given.quick or bool(os.environ.get("QUICK"))
    console = Console()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="refrain-bench-") as folder:
        sections = asyncio.run(measure(Path(folder), given.only or PARTS, QUICK if quick else FULL))
    for section in sections:
        section.print_on(console)
    print(
        json.dumps(
            {
                "bench": "cache",
                "quick": quick,
                "seconds": round(time.monotonic() - began),
                "python": platform.python_version(),
                "sqlite": sqlite3.sqlite_version,
                "cores": os.cpu_count(),
                "peers": {name: version(name) for name in PEERS},
                "missed": sum(not bar.holds for one in sections for bar in one.bars),
                "sections": {one.name: one.as_json() for one in sections},
            }
        )
    )


if __name__ == "__main__":
    main()
