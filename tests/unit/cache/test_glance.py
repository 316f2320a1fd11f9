"""Lookups in the event loop: only while they are quick, and never the bringer of bad news."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define

from refrain_cache import AsyncCache, CacheSettings, fingerprint
from refrain_cache.settings import DATABASE_NAME
from refrain_cache.sqlite.glance import LATER, Glance
from refrain_cache.sqlite.place import Place

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


def test_once_open_it_tells_what_is_there_and_what_is_not(glance: Glance) -> None:
    assert glance.find(KEY) is LATER
    glance.open()
    row = glance.find(KEY)
    assert isinstance(row, tuple)
    assert row[0] == b'"answer"'
    assert glance.find("00" * 32) is None


def test_after_slow_lookups_the_thread_is_asked_for_a_while(glance: Glance, watch: Watch) -> None:
    glance.open()
    watch.takes = 0.02
    assert isinstance(glance.find(KEY), tuple)
    assert isinstance(glance.find(KEY), tuple)
    watch.takes = 0.0
    assert glance.find(KEY) is LATER
    watch.at += 1.9
    assert glance.find(KEY) is LATER
    watch.at += 0.2
    assert isinstance(glance.find(KEY), tuple)


def test_a_single_slow_lookup_tells_nothing_of_the_disk(glance: Glance, watch: Watch) -> None:
    glance.open()
    for _ in range(2):
        watch.takes = 0.02
        assert isinstance(glance.find(KEY), tuple)
        watch.takes = 0.0
        watch.at += 2.1
        assert isinstance(glance.find(KEY), tuple)


def test_a_file_begun_afresh_is_not_read_over_the_former_one(glance: Glance, place: Place) -> None:
    glance.open()
    place.generation += 1
    assert glance.find(KEY) is LATER
    glance.open()
    assert isinstance(glance.find(KEY), tuple)


def test_no_file_is_no_answer_and_no_error(tmp_path: Path, watch: Watch) -> None:
    glance = Glance(Place(tmp_path / "none.db"), watch.tick)
    glance.open()
    assert glance.find(KEY) is LATER
    assert list(tmp_path.iterdir()) == []


def test_a_file_somebody_keeps_for_himself_is_left_to_the_thread(
    glance: Glance, place: Place
) -> None:
    other = sqlite3.connect(place.path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    glance.open()
    assert glance.find(KEY) is LATER
    other.close()


def test_damage_under_it_is_left_to_the_thread(glance: Glance, place: Place) -> None:
    glance.open()
    other = sqlite3.connect(place.path, isolation_level=None)
    other.execute("DROP TABLE entry")
    other.close()
    assert glance.find(KEY) is LATER
