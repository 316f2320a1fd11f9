"""Lookups in the event loop: only while they are quick, and never the bringer of bad news."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from attrs import define

from refrain_cache import AsyncCache, CacheSettings, fingerprint
from refrain_cache.settings import DATABASE_NAME
from refrain_cache.sqlite.glance import LATER, Glance, Later
from refrain_cache.sqlite.place import Place
from refrain_cache.sqlite.reader import Row

ASKED = fingerprint("api", "question")
KEY = ASKED.key


@define
class Watch:
    """A clock by which every reading of it takes `takes` seconds."""

    at: float = 0.0
    takes: float = 0.0

    def tick(self) -> float:
        self.at += self.takes
        return self.at


def look(glance: Glance, key: str = KEY) -> Row | Later | None:
    """As the tiers ask: the moment they began is read from the same clock."""
    return glance.find(key, glance._tick())


@pytest.fixture
async def place(settings: CacheSettings) -> Place:
    async with AsyncCache(settings) as cache:
        await cache.set(content="question", cache_type="api", value="answer")
    assert settings.cache_dir is not None
    return Place(settings.cache_dir / DATABASE_NAME)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def glance(place: Place, watch: Watch) -> Iterator[Glance]:
    glance = Glance(place, watch.tick)
    yield glance
    glance.close()


async def test_once_open_it_tells_what_is_there_and_what_is_not(glance: Glance) -> None:
    assert look(glance) is LATER
    glance.open()
    row = look(glance)
    assert isinstance(row, tuple)
    assert row[0] == b'"answer"'
    assert look(glance, "00" * 32) is None


async def test_after_slow_lookups_the_thread_is_asked_for_a_while(
    glance: Glance, watch: Watch
) -> None:
    glance.open()
    watch.takes = 0.02
    assert isinstance(look(glance), tuple)
    assert isinstance(look(glance), tuple)
    watch.takes = 0.0
    assert look(glance) is LATER
    watch.at += 1.9
    assert look(glance) is LATER
    watch.at += 0.2
    assert isinstance(look(glance), tuple)


async def test_a_single_slow_lookup_tells_nothing_of_the_disk(glance: Glance, watch: Watch) -> None:
    glance.open()
    for _ in range(2):
        watch.takes = 0.02
        assert isinstance(look(glance), tuple)
        watch.takes = 0.0
        watch.at += 2.1
        assert isinstance(look(glance), tuple)


async def test_a_file_begun_afresh_is_not_read_over_the_former_one(
    glance: Glance, place: Place
) -> None:
    glance.open()
    place.generation += 1
    assert look(glance) is LATER
    glance.open()
    assert isinstance(look(glance), tuple)


async def test_no_file_is_no_answer_and_no_error(tmp_path: Path, watch: Watch) -> None:
    glance = Glance(Place(tmp_path / "none.db"), watch.tick)
    glance.open()
    assert look(glance) is LATER
    assert list(tmp_path.iterdir()) == []


async def test_a_file_somebody_keeps_for_himself_is_left_to_the_thread(
    glance: Glance, place: Place
) -> None:
    other = sqlite3.connect(place.path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    glance.open()
    assert look(glance) is LATER
    other.close()


async def test_damage_under_it_is_left_to_the_thread(glance: Glance, place: Place) -> None:
    glance.open()
    other = sqlite3.connect(place.path, isolation_level=None)
    other.execute("DROP TABLE entry")
    other.close()
    assert look(glance) is LATER


def purged(place: Place) -> None:
    with closing(sqlite3.connect(place.path, isolation_level=None)) as other:
        other.execute("DELETE FROM entry")


async def test_lookups_one_after_the_other_share_a_transaction_no_longer_than_told(
    glance: Glance, place: Place, watch: Watch
) -> None:
    glance.open()
    look(glance)
    assert isinstance(look(glance), tuple)
    purged(place)
    assert isinstance(look(glance), tuple)
    watch.at += 0.001
    assert look(glance) is None


async def test_whoever_waits_sees_what_others_did_meanwhile(glance: Glance, place: Place) -> None:
    glance.open()
    look(glance)
    assert isinstance(look(glance), tuple)
    purged(place)
    await asyncio.sleep(0)
    assert look(glance) is None


async def test_a_miss_is_never_an_old_one(glance: Glance, place: Place) -> None:
    glance.open()
    look(glance)
    assert isinstance(look(glance), tuple)
    other = bytes.fromhex("00" * 32)
    with closing(sqlite3.connect(place.path, isolation_level=None)) as conn:
        conn.execute("UPDATE entry SET key = ?", (other,))
    assert isinstance(look(glance, "00" * 32), tuple)
    assert look(glance) is None


async def test_lookups_that_are_over_hold_up_no_checkpoint(glance: Glance, place: Place) -> None:
    glance.open()
    look(glance)
    look(glance)
    with closing(sqlite3.connect(place.path, isolation_level=None, timeout=0)) as other:
        other.execute("UPDATE entry SET uses = 2")
        busy = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        assert busy
        await asyncio.sleep(0)
        busy = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        assert not busy


async def test_a_fork_amid_lookups_leaves_both_processes_a_file_that_works(
    glance: Glance, place: Place
) -> None:
    glance.open()
    look(glance)
    look(glance)
    child = os.fork()
    if not child:
        os._exit(0 if look(glance) is LATER else 1)
    _, status = os.waitpid(child, 0)  # noqa: ASYNC222
    assert status == 0
    await asyncio.sleep(0)
    assert look(glance) is LATER
    glance.open()
    assert isinstance(look(glance), tuple)
    assert isinstance(look(glance), tuple)
