"""Two caches of one process over one file: what one does may not take the other's locks away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from refrain_cache import AsyncCache, CacheSettings

ANOTHER = """
import asyncio, sys
from pathlib import Path
from refrain_cache import AsyncCache, CacheSettings

async def main():
    async with AsyncCache(CacheSettings(cache_dir=Path(sys.argv[1]), memory_entries=0)) as cache:
        await cache.set(content=sys.argv[2], cache_type="api", value="there")
        found = await cache.get(content="here", cache_type="api")
        print(found, cache.state.mode)

asyncio.run(main())
"""


def another_process(folder: Path, name: str) -> str:
    """Opens the cache, reads and writes, and is the last of its own to leave."""
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER, str(folder), name],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout.strip()


async def test_a_cache_opened_and_closed_beside_it_leaves_it_its_file(tmp_path: Path) -> None:
    settings = CacheSettings(cache_dir=tmp_path, memory_entries=0)
    async with AsyncCache(settings) as cache:
        await cache.set(content="here", cache_type="api", value="here")
        async with AsyncCache(settings) as beside:
            assert await beside.get(content="here", cache_type="api") == "here"
        log = tmp_path / "perf_cache.db-wal"
        before = log.stat().st_ino
        for number in range(3):
            assert another_process(tmp_path, str(number)) == "here on"
            # Whoever leaves last takes the write-ahead log along: it may not take itself for that.
            assert log.stat().st_ino == before
            await cache.set(content=f"own {number}", cache_type="api", value=number)
            assert await cache.get(content=str(number), cache_type="api") == "there"
        assert cache.state.mode == "on"
    async with AsyncCache(settings) as cache:
        for number in range(3):
            assert await cache.get(content=f"own {number}", cache_type="api") == number
