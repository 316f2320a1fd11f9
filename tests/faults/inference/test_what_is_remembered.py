"""The files of what was found out about engines and models: whatever becomes of them, the answer
comes, and is the same."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from attrs import define, evolve
from tests.faults.disks import fill, remount
from tests.faults.inference.remembering import VALUES, known, remembered
from tests.integration.enrichment.lesser_ollama import Ollama
from tests.integration.enrichment.serving import served

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.enrichment import AsyncHybridScorer, Enrichment
from refrain_sidecar.inference.choose import EngineChooser
from refrain_sidecar.inference.errors import InferenceError

TEXT = "The attic is so empty."
NAMES = ("abilities-2", "leaning", "engine")
# More for a long night.
KILLS = int(os.environ.get("REFRAIN_KILL_ROUNDS", "4"))
FORKS = int(os.environ.get("REFRAIN_FORKS", "12"))
# What hangs, hangs for ever.
GENEROUS_S = 60.0


@define
class Machine:
    """One with an engine of which nothing is known but what is on disk."""

    ollama: Ollama
    settings: Settings

    async def enrich(self, folder: Path) -> Enrichment:
        """As a new process does it that keeps things in `folder`."""
        settings = evolve(self.settings, caching=CacheSettings(cache_dir=folder))
        chooser = EngineChooser(settings, 1)
        try:
            async with asyncio.timeout(GENEROUS_S), AsyncCache(settings.caching) as cache:
                scored = await AsyncHybridScorer(cache, chooser, settings).score(TEXT, fresh=True)
        finally:
            await chooser.close()
        return scored.value

    async def kept(self, folder: Path) -> dict[str, Path]:
        """The files, once all are written: the engine's is, behind the answer."""
        async with asyncio.timeout(GENEROUS_S):
            while True:
                files = {name: [*folder.glob(f"perf_cache.db-{name}-*")] for name in NAMES}
                if all(len(found) == 1 for found in files.values()):
                    return {name: file for name, (file,) in files.items()}
                await asyncio.sleep(0.01)


@pytest.fixture
async def machine() -> AsyncIterator[Machine]:
    ollama = Ollama()
    async with served(ollama.app()) as url:
        inference = InferenceSettings(engine="ollama", base_url=url, model="m:1")
        yield Machine(ollama, Settings(inference))


async def mended(file: Path, was: bytes) -> bool:
    """Whether it is what it was before long: the engine's is written behind the answer."""
    for _ in range(int(GENEROUS_S * 100)):
        if file.is_file() and not file.is_symlink() and file.read_bytes() == was:
            return True
        await asyncio.sleep(0.01)
    return False


def emptied(file: Path, was: bytes) -> None:
    file.write_bytes(b"")


def halved(file: Path, was: bytes) -> None:
    file.write_bytes(was[: len(was) // 2])


def other_letters(file: Path, was: bytes) -> None:
    """Good JSON of the right shape that says something else."""
    file.write_bytes(was.replace(b"e", b"a"))


def zeroed(file: Path, was: bytes) -> None:
    file.write_bytes(bytes(len(was)))


def deep(file: Path, was: bytes) -> None:
    file.write_bytes(b"[" * 100_000)


def huge(file: Path, was: bytes) -> None:
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)


def pipe(file: Path, was: bytes) -> None:
    os.mkfifo(file)


def endless(file: Path, was: bytes) -> None:
    file.symlink_to("/dev/zero")


def circle(file: Path, was: bytes) -> None:
    file.symlink_to(file)


def folder_in_its_place(file: Path, was: bytes) -> None:
    file.mkdir()


Damage = Callable[[Path, bytes], None]
DAMAGES: tuple[Damage, ...] = (
    *(emptied, halved, other_letters, zeroed, deep, huge, pipe, endless, circle),
    folder_in_its_place,
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", DAMAGES)
async def test_whatever_lies_in_a_files_place_the_answer_is_the_same(
    machine: Machine, tmp_path: Path, name: str, damage: Damage
) -> None:
    right = await machine.enrich(tmp_path)
    file = (await machine.kept(tmp_path))[name]
    was = file.read_bytes()
    file.unlink()
    damage(file, was)

    assert await machine.enrich(tmp_path) == right

    if damage is folder_in_its_place:
        assert file.is_dir(), "it is somebody else's"
        return
    assert await mended(file, was)


@pytest.mark.parametrize("damage", DAMAGES)
async def test_while_the_engine_is_away_what_lies_in_its_files_place_is_no_engine(
    machine: Machine, tmp_path: Path, damage: Damage
) -> None:
    await machine.enrich(tmp_path)
    file = (await machine.kept(tmp_path))["engine"]
    was = file.read_bytes()
    file.unlink()
    damage(file, was)
    machine.ollama.version = ""

    with pytest.raises(InferenceError):
        await machine.enrich(tmp_path)


async def test_a_full_disk(machine: Machine, tmp_path: Path, small_disk: Path) -> None:
    right = await machine.enrich(tmp_path / "roomy")
    folder, ballast = small_disk / "cache", small_disk / "ballast"
    folder.mkdir()
    fill(ballast)

    assert await machine.enrich(folder) == right
    assert not any(list(folder.glob(f"*-{name}-*")) for name in NAMES), "nor is half of one left"

    ballast.unlink()
    assert await machine.enrich(folder) == right
    files = await machine.kept(folder)
    assert all(file.stat().st_size for file in files.values())


@pytest.mark.parametrize("before", [True, False], ids=["known", "unknown"])
async def test_a_read_only_folder(
    machine: Machine, tmp_path: Path, small_disk: Path, before: bool
) -> None:
    folder = small_disk / "cache"
    right = await machine.enrich(folder if before else tmp_path / "writable")
    if before:
        await machine.kept(folder)
    remount(small_disk, "ro")

    asked = len(machine.ollama.bodies("/api/show"))
    assert await machine.enrich(folder) == right
    assert len(machine.ollama.bodies("/api/show")) == asked + (not before)


async def test_a_file_in_place_of_the_folder(machine: Machine, tmp_path: Path) -> None:
    right = await machine.enrich(tmp_path / "cache")
    (tmp_path / "file").write_text("in the way")

    assert await machine.enrich(tmp_path / "file") == right
    assert (tmp_path / "file").read_text() == "in the way"


def started(verb: str, folder: Path, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        # Python 3.12 warns of every fork with threads, which is what is tried here.
        [
            *(sys.executable, "-W", "ignore::DeprecationWarning"),
            *("-m", "tests.faults.inference.remembering", verb, str(folder), str(number)),
        ],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_writer_killed_at_any_moment_leaves_a_whole_value(tmp_path: Path) -> None:
    moments = random.Random(3)
    for number in range(KILLS):
        with started("write", tmp_path, number) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            time.sleep(moments.uniform(0, 0.03))
            process.kill()
        assert known(tmp_path) in VALUES
        remembered(tmp_path).keep("other", "d1", VALUES[0])
    assert remembered(tmp_path).read("other", "d1", type(VALUES[0])) == VALUES[0]


def test_two_processes_at_once_never_show_half_a_value(tmp_path: Path) -> None:
    with started("write", tmp_path, 0) as one, started("write", tmp_path, 1) as other:
        try:
            assert one.stdout is not None
            assert other.stdout is not None
            assert one.stdout.readline()
            assert other.stdout.readline()
            seen = [known(tmp_path) for _ in range(300)]
        finally:
            one.kill()
            other.kill()
    assert all(value in VALUES for value in seen)
    # Otherwise nothing was tried.
    assert any(value != seen[0] for value in seen)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_that_forks_while_its_threads_write(tmp_path: Path) -> None:
    with started("forks", tmp_path, FORKS) as process:
        try:
            said, _ = process.communicate(timeout=GENEROUS_S + FORKS)
        finally:
            process.kill()
    assert said.split() == ["0"] * FORKS
    assert process.returncode == 0
    assert known(tmp_path) in VALUES
