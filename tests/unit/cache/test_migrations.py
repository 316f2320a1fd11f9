"""A file from this version opens in the next, all or nothing."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from refrain_cache import AsyncCache, CacheSettings
from refrain_cache.sqlite.faults import StoreFault
from refrain_cache.sqlite.place import Place
from refrain_cache.sqlite.schema import MIGRATIONS, SCHEMA_VERSION, Migration, user_version

NEXT = SCHEMA_VERSION + 1
ADDS_A_COLUMN = (*MIGRATIONS, Migration(NEXT, ("ALTER TABLE entry ADD COLUMN note TEXT",)))
BREAKS = (
    *MIGRATIONS,
    Migration(NEXT, ("ALTER TABLE entry ADD COLUMN note TEXT", "SELECT * FROM nowhere")),
)


@pytest.fixture
async def filled(settings: CacheSettings) -> Path:
    async with AsyncCache(settings) as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
    assert settings.cache_dir is not None
    return settings.cache_dir / "perf_cache.db"


async def test_a_file_of_this_version_opens_in_the_next(filled: Path) -> None:
    conn = Place(filled, ADDS_A_COLUMN).connect_writer(1000)
    assert user_version(conn) == NEXT
    assert conn.execute("SELECT count(*), max(note) FROM entry").fetchone() == (1, None)
    conn.close()


async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    filled: Path, settings: CacheSettings
) -> None:
    with pytest.raises(StoreFault):
        Place(filled, BREAKS).connect_writer(1000)
    async with AsyncCache(settings) as cache:
        assert cache.state.mode == "on"
        assert await cache.get(content="a", cache_type="api") == 1
    conn = sqlite3.connect(filled)
    assert "note" not in [row[1] for row in conn.execute("PRAGMA table_info(entry)")]
    conn.close()


async def test_processes_that_migrate_at_once_do_it_once(filled: Path) -> None:
    problems: list[BaseException] = []

    def migrate() -> None:
        try:
            Place(filled, ADDS_A_COLUMN).connect_writer(10_000).close()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
