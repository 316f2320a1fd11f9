"""Files that are not ours, or no longer whole: set aside or left alone, and the work goes on."""

from __future__ import annotations

import logging
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refrain_cache import AsyncCache, Selection, fingerprint
from refrain_cache.sqlite.schema import SCHEMA_VERSION

MakeCache = Callable[..., AsyncCache]
Answers = Callable[[Any], Callable[[], Any]]


async def filled(make_cache: MakeCache, entries: int = 200) -> None:
    async with make_cache() as cache:
        for n in range(entries):
            assert await cache.set(content=n, cache_type="api", value={"n": n, "pad": "x" * 500})


def set_aside(database: Path) -> list[Path]:
    return sorted(database.parent.glob("perf_cache.db.damaged-*"))


async def test_a_garbage_file_is_set_aside_and_a_fresh_one_begun(
    make_cache: MakeCache, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database.parent.mkdir()
    garbage = random.Random(1).randbytes(50_000)
    database.write_bytes(garbage)
    with caplog.at_level(logging.WARNING, "refrain.cache"):
        async with make_cache() as cache:
            assert cache.state.mode == "on"
            assert await cache.set(content="a", cache_type="api", value=1)
    (aside,) = set_aside(database)
    assert aside.read_bytes() == garbage
    assert aside.name in caplog.text
    async with make_cache() as cache:
        assert await cache.get(content="a", cache_type="api") == 1


async def test_a_truncated_file_is_set_aside(
    make_cache: MakeCache, database: Path, answers: Answers
) -> None:
    await filled(make_cache)
    whole = database.read_bytes()
    database.write_bytes(whole[: len(whole) // 2])
    async with make_cache() as cache:
        for n in range(200):
            outcome = await cache.get_or_compute(fingerprint("api", n), answers({"n": n}))
            assert outcome.value["n"] == n
        assert await cache.set(content="a", cache_type="api", value=1)
        assert cache.state.mode == "on"
    (aside,) = set_aside(database)
    assert aside.stat().st_size >= len(whole) // 2


async def test_a_file_cut_to_a_few_bytes_is_set_aside(
    make_cache: MakeCache, database: Path
) -> None:
    await filled(make_cache, 3)
    database.write_bytes(database.read_bytes()[:60])
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
    assert len(set_aside(database)) == 1


async def test_an_empty_file_is_a_fresh_one(make_cache: MakeCache, database: Path) -> None:
    database.parent.mkdir()
    database.touch()
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
    assert set_aside(database) == []


async def test_pages_overwritten_while_the_file_is_open(
    make_cache: MakeCache, database: Path, answers: Answers, becomes: Any
) -> None:
    await filled(make_cache, 400)
    async with make_cache() as cache:
        with database.open("r+b") as file:
            file.seek(4096)
            file.write(random.Random(2).randbytes(database.stat().st_size - 8192))
        for n in range(400):
            outcome = await cache.get_or_compute(fingerprint("api", n), answers({"n": n}))
            assert outcome.value["n"] == n
        await becomes(cache, "on")
        assert await cache.set(content="again", cache_type="api", value=1)
    assert len(set_aside(database)) >= 1


async def test_another_programs_database_is_left_alone(
    make_cache: MakeCache, database: Path, answers: Answers
) -> None:
    database.parent.mkdir()
    other = sqlite3.connect(database)
    other.execute("CREATE TABLE notes (text)")
    other.execute("INSERT INTO notes VALUES ('precious')")
    other.commit()
    other.close()
    before = database.read_bytes()
    async with make_cache() as cache:
        assert cache.state.mode == "bypass"
        assert "another program" in (cache.state.reason or "")
        outcome = await cache.get_or_compute(fingerprint("api", "a"), answers(1))
        assert (outcome.value, outcome.outcome) == (1, "bypass")
        assert outcome.reason == cache.state.reason
        assert not await cache.set(content="a", cache_type="api", value=1)
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir()] == ["perf_cache.db"]


async def test_a_file_from_a_newer_version_is_left_alone(
    make_cache: MakeCache, database: Path, answers: Answers
) -> None:
    await filled(make_cache, 1)
    newer = sqlite3.connect(database)
    newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    newer.close()
    async with make_cache() as cache:
        assert cache.state.mode == "bypass"
        assert "newer version" in (cache.state.reason or "")
        assert f"version {SCHEMA_VERSION + 1}" in (cache.state.reason or "")
        outcome = await cache.get_or_compute(fingerprint("api", 0), answers("computed"))
        assert (outcome.value, outcome.outcome) == ("computed", "bypass")
    kept = sqlite3.connect(database)
    assert kept.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    assert kept.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    kept.close()


async def test_a_file_made_newer_under_a_running_process_is_no_longer_written(
    make_cache: MakeCache, database: Path
) -> None:
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
        newer = sqlite3.connect(database)
        newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        newer.close()
        assert not await cache.set(content="b", cache_type="api", value=2)
        assert "newer version" in (cache.state.reason or "")


@pytest.mark.parametrize(
    "changed", ["CAST('\"false\"' AS BLOB)", "'\"true\"'"], ids=["bytes", "text"]
)
async def test_an_answer_whose_bytes_have_changed_is_never_given(
    make_cache: MakeCache, database: Path, answers: Answers, changed: str
) -> None:
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value="true")
    tampering = sqlite3.connect(database)
    tampering.execute(f"UPDATE entry SET value = {changed}")
    tampering.commit()
    tampering.close()
    async with make_cache() as cache:
        assert await cache.get(content="a", cache_type="api") is None
        outcome = await cache.get_or_compute(fingerprint("api", "a"), answers("true"))
        assert (outcome.value, outcome.outcome, outcome.reason) == ("true", "miss", "damaged")
    async with make_cache() as cache:
        assert await cache.get(content="a", cache_type="api") == "true"
        assert (await cache.purge(Selection(everything=True))).entries == 1


@pytest.mark.parametrize("column", ["value", "packed", "digest", "expires_at", "cost_ms", "model"])
@pytest.mark.parametrize("other", ["7", "'seven'", "x'07'"])
async def test_a_row_of_other_types_is_never_in_the_way(
    make_cache: MakeCache, database: Path, answers: Answers, column: str, other: str
) -> None:
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value="right")
    with sqlite3.connect(database) as tampering:
        tampering.execute(f"UPDATE entry SET {column} = {other}")
    async with make_cache() as cache:
        for _ in range(2):
            outcome = await cache.get_or_compute(fingerprint("api", "a"), answers("right"))
            assert outcome.value == "right"
        assert (await cache.get_stats("all")).entries == 1


OTHER_LAYOUTS = {
    "a column less": "ALTER TABLE entry DROP COLUMN saved_ms",
    "a table less": "DROP TABLE recipe",
    "another column": "ALTER TABLE entry RENAME COLUMN packed TO zipped",
    "a trigger less": "DROP TRIGGER entry_removed",
}


@pytest.mark.parametrize("change", OTHER_LAYOUTS.values(), ids=OTHER_LAYOUTS.keys())
async def test_a_file_of_our_version_with_another_layout_is_set_aside_and_told_once(
    make_cache: MakeCache,
    database: Path,
    answers: Answers,
    caplog: pytest.LogCaptureFixture,
    change: str,
) -> None:
    await filled(make_cache, 5)
    other = sqlite3.connect(database)
    other.execute(change)
    other.close()
    with caplog.at_level(logging.INFO, "refrain.cache"):
        async with make_cache() as cache:
            modes = {cache.state.mode}
            cache.subscribe(lambda: modes.add(cache.state.mode))
            for n in range(30):
                outcome = await cache.get_or_compute(fingerprint("api", n), answers(n))
                assert outcome.value == n
                await cache.get_stats("all")
                await cache.entries()
            assert modes == {"on"}
    (aside,) = set_aside(database)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert aside.name in caplog.text
    async with make_cache() as cache:
        assert await cache.get(content=7, cache_type="api") == 7


async def test_a_table_dropped_under_a_running_process_ends_in_one_fresh_file(
    make_cache: MakeCache,
    database: Path,
    answers: Answers,
    becomes: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with make_cache() as cache:
        assert await cache.set(content="a", cache_type="api", value=1)
        other = sqlite3.connect(database)
        other.execute("DROP TABLE entry")
        other.close()
        with caplog.at_level(logging.WARNING, "refrain.cache"):
            outcome = await cache.get_or_compute(fingerprint("api", "b"), answers(2))
            assert (outcome.value, outcome.outcome) == (2, "bypass")
            await becomes(cache, "on")
            for n in range(30):
                assert (await cache.get_or_compute(fingerprint("api", n), answers(n))).value == n
        assert cache.state.mode == "on"
        assert caplog.text.count("Cache bypassed") == 1
    assert len(set_aside(database)) == 1


async def test_an_index_somebody_added_does_no_harm(make_cache: MakeCache, database: Path) -> None:
    await filled(make_cache, 3)
    added = sqlite3.connect(database)
    added.execute("CREATE INDEX mine ON entry (label)")
    added.close()
    async with make_cache() as cache:
        assert await cache.get(content=1, cache_type="api") is not None
    assert set_aside(database) == []


async def test_damage_that_only_reading_meets_is_set_aside(
    make_cache: MakeCache, database: Path, answers: Answers, becomes: Any
) -> None:
    await filled(make_cache, 400)
    # The pages of the table itself; what writing needs first (facts, leases) stays whole.
    whole = database.read_bytes()
    pages = [at for at in range(4096, len(whole), 4096) if b"x" * 400 in whole[at : at + 4096]]
    assert pages
    with database.open("r+b") as file:
        for page in pages:
            file.seek(page)
            file.write(random.Random(page).randbytes(4096))
    async with make_cache() as cache:
        told: list[str] = []
        cache.subscribe(lambda: told.append(cache.state.mode))
        assert await cache.get(content=1, cache_type="api") is None
        await becomes(cache, "on")
        told.clear()
        for n in range(100):
            assert (await cache.get_or_compute(fingerprint("api", n), answers(n))).value == n
        assert "bypass" not in told
    assert len(set_aside(database)) == 1
