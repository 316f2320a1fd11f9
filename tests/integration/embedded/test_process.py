"""The child process: it starts, is replaced when it crashes, and never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from refrain_sidecar.inference.embedded import EmbeddedProcess, EmbeddedStartFailed
from refrain_sidecar.inference.models.manifest import manifest


async def gone(pid: int) -> None:
    """Returns once process `pid` has ended."""
    async with asyncio.timeout(60):
        while True:
            try:
                if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                    return
            except psutil.NoSuchProcess:
                return
            await asyncio.sleep(0.02)


def bearer(process: EmbeddedProcess) -> dict[str, str]:
    """The headers that `process` answers to."""
    return {"Authorization": f"Bearer {process.key}"}


async def version(process: EmbeddedProcess, base_url: str) -> str:
    """What the engine at `base_url` calls itself."""
    async with httpx.AsyncClient(base_url=base_url, headers=bearer(process)) as client:
        return str((await client.get("/api/version")).json()["refrain"]["engine"])


async def test_starts_once_for_many_and_stops(data_dir: Path) -> None:
    process = EmbeddedProcess(num_threads=1, num_ctx=512)
    assert not process.alive
    first, second = await asyncio.gather(process.start(), process.start())
    assert first == second
    assert first.startswith("http://127.0.0.1:")
    assert await version(process, first) == "llama.cpp via xllamacpp"
    pid = process.pid
    assert pid is not None
    await process.stop()
    assert not process.alive
    assert not psutil.pid_exists(pid)
    await process.stop()


async def test_a_crash_is_seen_and_the_next_start_replaces_it(data_dir: Path) -> None:
    process = EmbeddedProcess(num_threads=1, num_ctx=512)
    first = await process.start()
    pid = process.pid
    assert pid is not None
    psutil.Process(pid).kill()
    async with asyncio.timeout(60):
        while True:
            if not process.alive:
                break
            await asyncio.sleep(0.01)
    second = await process.start()
    assert second != first
    assert process.pid != pid
    assert await version(process, second) == "llama.cpp via xllamacpp"
    await process.stop()


async def test_a_failed_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_DATA_DIR", str(tmp_path))
    process = EmbeddedProcess(num_threads=1, num_ctx=512)
    with pytest.raises(EmbeddedStartFailed, match="refrain models fetch") as failed:
        await process.start()
    assert "status 1" in str(failed.value)
    assert len(failed.value.lines) == 1
    assert not process.alive


async def test_weights_that_are_no_model_are_told_to_the_client(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = data_dir / "models" / manifest().weights.filename
    head = weights.read_bytes()[: 1 << 22]
    broken = tmp_path / "models" / weights.name
    broken.parent.mkdir()
    # The metadata is whole and the size is right; the weights are holes.
    broken.write_bytes(head[: -(1 << 20)])
    os.truncate(broken, weights.stat().st_size)
    if (data_dir / "engine").exists():
        (tmp_path / "engine").symlink_to(data_dir / "engine")
    with broken.open("r+b") as file:
        file.seek(8)
        file.write((2**40).to_bytes(8, "little"))
    monkeypatch.setenv("REFRAIN_DATA_DIR", str(tmp_path))
    process = EmbeddedProcess(num_threads=1, num_ctx=512)
    base_url = await process.start()
    headers = bearer(process)
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as client:
        reply = await client.post(
            "/api/generate", json={"model": "smollm2:135m", "prompt": "x", "stream": False}
        )
    assert reply.status_code == 500
    assert "could not load" in reply.json()["error"]
    assert process.alive
    await process.stop()


async def test_only_its_parent_is_answered(data_dir: Path) -> None:
    process, other = (EmbeddedProcess(num_threads=1, num_ctx=512) for _ in range(2))
    base_url = await process.start()
    assert process.key != other.key
    assert process.pid is not None
    assert process.key not in " ".join(psutil.Process(process.pid).cmdline())
    async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
        for path in ("/", "/api/tags", "/slots", "/nowhere"):
            for wrong in ("", "Bearer", f"Basic {process.key}", f"Bearer {other.key}"):
                reply = await client.get(path, headers={"Authorization": wrong} if wrong else {})
                assert (reply.status_code, reply.json()) == (401, {"error": "unauthorized"})
        posted = await client.post("/api/generate", json={"model": "smollm2:135m", "prompt": "x"})
        assert posted.status_code == 401
        assert (await client.get("/", headers=bearer(process))).text == "Ollama is running"
    await process.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("length_said", [True, False])
async def test_a_large_body_is_refused_while_it_comes(data_dir: Path, length_said: bool) -> None:
    process = EmbeddedProcess(num_threads=1, num_ctx=512)
    base_url = await process.start()

    def peak_mb() -> int:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024

    async def body() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 2**20

    headers = bearer(process) | ({"Content-Length": str(200 * 2**20)} if length_said else {})
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as client:
        before = peak_mb()
        reply = await client.post("/api/show", content=body())
        assert reply.status_code == 413
        assert "16777216 bytes" in reply.json()["error"]
        assert peak_mb() - before < 64
    await process.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("holds_pipe", [False, True])
async def test_a_killed_parent_takes_the_child_along(data_dir: Path, holds_pipe: bool) -> None:
    # `holds_pipe`: another process keeps the child's stdin open, so only the watch is left.
    code = f"""
import asyncio, os, subprocess, sys
from refrain_sidecar.inference.embedded import EmbeddedProcess
async def main():
    process = EmbeddedProcess(num_threads=1, num_ctx=512)
    await process.start()
    keeper = 0
    if {holds_pipe}:
        pipe = process._process.stdin.transport.get_extra_info("pipe").fileno()
        keeper = subprocess.Popen(["sleep", "600"], pass_fds=[pipe], stdout=2).pid
    print(process.pid, keeper, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child, keeper = map(int, (await parent.stdout.readline()).split())
    assert psutil.pid_exists(child)
    parent.kill()
    try:
        await gone(child)
    finally:
        await parent.wait()
        if keeper:
            os.kill(keeper, signal.SIGKILL)
