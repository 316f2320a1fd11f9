"""Several processes on one file, and processes that are killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from refrain_cache import AsyncCache, CacheSettings

CREW = Path(__file__).with_name("crew.py")
# More rounds for a long night: REFRAIN_KILL_ROUNDS=200, REFRAIN_MIX_SECONDS=60.
KILL_ROUNDS = int(os.environ.get("REFRAIN_KILL_ROUNDS", "6"))
MIX_SECONDS = float(os.environ.get("REFRAIN_MIX_SECONDS", "2"))
MIX_PROCESSES = int(os.environ.get("REFRAIN_MIX_PROCESSES", "3"))


class Mate:
    """One process of the crew."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, *arguments: object) -> Mate:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, str(CREW), *map(str, arguments), stdout=asyncio.subprocess.PIPE
            )
        )

    async def hears(self) -> dict[str, Any] | None:
        """The next thing it says, None once it has ended."""
        assert self.process.stdout is not None
        # One that does everything at once says nothing until its time is over.
        line = await asyncio.wait_for(self.process.stdout.readline(), 60 + MIX_SECONDS)
        return json.loads(line) if line.endswith(b"\n") else None

    async def rest(self) -> list[dict[str, Any]]:
        """All it still says."""
        said = []
        while (heard := await self.hears()) is not None:
            said.append(heard)
        await self.process.wait()
        return said

    async def until(self, word: str) -> dict[str, Any]:
        while (heard := await self.hears()) is not None:
            if word in heard:
                return heard
        raise AssertionError(f"ended without saying {word!r}")


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    shared = tmp_path / "cache"
    # Made beforehand, so that what is timed is the waiting and not the making of a file.
    async with AsyncCache(CacheSettings(cache_dir=shared)) as cache:
        assert cache.state.mode == "on"
    (shared / "runs").touch()
    return shared


async def test_four_processes_of_fifty_callers_run_the_engine_once(folder: Path) -> None:
    mates = [await Mate.start("ask", folder, f"p{n}", 50, 1.5, "answer") for n in range(4)]
    said = [s for mate in mates for s in await mate.rest()]
    answers = [s for s in said if "value" in s]
    assert len(answers) == 200
    assert {s["value"] for s in answers} == {"the answer"}
    assert len((folder / "runs").read_text().split()) == 1
    outcomes = [s["outcome"] for s in answers]
    assert outcomes.count("miss") == 1
    # A process that starts late may find the answer stored.
    assert set(outcomes) <= {"miss", "coalesced", "hit"}


async def test_the_lease_of_a_killed_owner_is_taken_over_once(folder: Path) -> None:
    owner = await Mate.start("ask", folder, "owner", 1, 3600, "answer")
    await owner.until("began")
    waiters = [await Mate.start("ask", folder, f"p{n}", 20, 0.3, "answer") for n in range(2)]
    for waiter in waiters:
        await waiter.until("ready")
    owner.process.kill()
    await owner.process.wait()
    answers = [s for mate in waiters for s in await mate.rest() if "value" in s]
    assert len(answers) == 40
    assert len((folder / "runs").read_text().split()) == 2
    assert max(s["waited_s"] for s in answers) < 10


async def test_a_failed_owner_wakes_its_waiters_with_its_error(folder: Path) -> None:
    waiter = await Mate.start("ask", folder, "waiter", 5, 0, "answer", "go")
    await waiter.until("ready")
    owner = await Mate.start("ask", folder, "owner", 1, 4, "fail")
    await owner.until("began")
    (folder / "go").touch()
    heard = await waiter.rest()
    failures = [s for s in heard if "error" in s]
    assert [s["error"] for s in failures] == ["OwnerFailedError"] * 5, heard
    assert all("failed with ValueError." in s["message"] for s in failures)
    assert [s["error"] for s in await owner.rest() if "error" in s] == ["ValueError"]
    after = await Mate.start("ask", folder, "after", 1, 0, "answer")
    assert [s["outcome"] for s in await after.rest() if "value" in s] == ["miss"]


async def test_nothing_acknowledged_is_lost_to_sigkill(folder: Path) -> None:
    rng = random.Random(20261122)
    sys.path.insert(0, str(CREW.parent))
    try:
        from crew import value_of
    finally:
        sys.path.pop(0)
    acknowledged: set[int] = set()
    for round_ in range(KILL_ROUNDS):
        writer = await Mate.start("write", folder, round_ * 100_000)
        for _ in range(rng.randrange(1, 40)):
            acknowledged.update((await writer.until("acknowledged"))["acknowledged"])
        # Somewhere inside the next commits, not at their edge.
        await asyncio.sleep(rng.random() * 0.01)
        writer.process.kill()
        for said in await writer.rest():
            acknowledged.update(said["acknowledged"])
        check = sqlite3.connect(folder / "perf_cache.db")
        assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        check.close()
    assert list(folder.glob("*damaged*")) == []
    async with AsyncCache(CacheSettings(cache_dir=folder)) as cache:
        for n in sorted(acknowledged):
            assert await cache.get(content=n, cache_type="api") == value_of(n)
        stats = await cache.get_stats()
        assert stats.entries >= len(acknowledged)


async def test_processes_that_do_everything_at_once(folder: Path) -> None:
    mates = [await Mate.start("mix", folder, seed, MIX_SECONDS) for seed in range(MIX_PROCESSES)]
    reports = [s for mate in mates for s in await mate.rest()]
    print(reports)
    assert [r["wrong"] for r in reports] == [0] * MIX_PROCESSES
    assert all(r["done"] > 0 for r in reports)
    assert [mate.process.returncode for mate in mates] == [0] * MIX_PROCESSES
    check = sqlite3.connect(folder / "perf_cache.db")
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    held = check.execute("SELECT total(entries), total(bytes) FROM total").fetchone()
    assert held == check.execute("SELECT count(*) * 1.0, total(bytes) FROM entry").fetchone()
    check.close()
