"""The file cannot be written: the disk is full, or another holds it. Answers come all the same."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.served import served
from tests.serve.upstreams import MODEL, hand_made

from refrain_cache import AsyncCache, CacheSettings


def question(number: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"number {number}"}]
    return {"model": MODEL, "messages": messages, "options": {"temperature": 0}}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with two megabytes of room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_on_a_disk_that_fills_up_every_answer_comes(tmp_path: Path, small_disk: Path) -> None:
    async with (
        hand_made(lines=400) as upstream,
        served(tmp_path, upstream.url, cache=small_disk) as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http,
    ):

        async def ask(number: int) -> str:
            reply = await http.post("/api/chat", json=question(number))
            assert reply.content == upstream.whole
            return reply.headers["cache-status"]

        for begin in range(0, 160, 8):
            await asyncio.gather(*(ask(number) for number in range(begin, begin + 8)))
        # What fills it may be somebody else's as well.
        (small_disk / "others").write_bytes(b"x" * _free(small_disk))
        for begin in range(200, 240, 8):
            notes = await asyncio.gather(*(ask(number) for number in range(begin, begin + 8)))
            assert set(notes) == {"refrain; fwd=miss"}
        assert proxy.mib < 300
        (small_disk / "others").unlink()
        # With room again it keeps answers again.
        async with asyncio.timeout(30):
            number = 300
            while True:
                await ask(number)
                await asyncio.sleep(0.3)
                if await ask(number) == "refrain; hit":
                    break
                number += 1
    async with AsyncCache(CacheSettings(cache_dir=small_disk)) as cache:
        assert (await cache.verify()).clean


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


async def test_while_another_holds_the_file_every_answer_comes(tmp_path: Path) -> None:
    async with (
        hand_made(lines=20) as upstream,
        served(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http,
    ):
        assert (await http.post("/api/chat", json=question(1))).content == upstream.whole
        await asyncio.sleep(0.3)
        held = sqlite3.connect(tmp_path / "cache" / "perf_cache.db", isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        began = time.perf_counter()
        answers = await asyncio.gather(
            *(http.post("/api/chat", json=question(number)) for number in range(1, 21))
        )
        assert {reply.content for reply in answers} == {upstream.whole}
        assert time.perf_counter() - began < 20
        held.execute("ROLLBACK")
        held.close()
        async with asyncio.timeout(30):
            note = ""
            while note != "refrain; hit":
                await asyncio.sleep(0.2)
                note = (await http.post("/api/chat", json=question(99))).headers["cache-status"]
    async with AsyncCache(CacheSettings(cache_dir=tmp_path / "cache")) as cache:
        assert (await cache.verify()).clean
