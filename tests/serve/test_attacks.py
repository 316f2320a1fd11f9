"""`refrain serve` as people run it, attacked: slow readers, large bodies, mutated requests."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
from attrs import frozen
from tests.serve.upstreams import MODEL, hand_made

from refrain_cache import AsyncCache, CacheSettings

BODY = json.dumps(
    {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "options": {"seed": 1}}
).encode()
MIB = 1024 * 1024
READERS = int(os.environ.get("REFRAIN_SLOW_READERS", "300"))
MUTANTS = int(os.environ.get("REFRAIN_MUTANTS", "1500"))


@frozen
class Served:
    """A proxy in a process of its own; `said` is what it wrote once it has ended."""

    url: str
    process: asyncio.subprocess.Process
    said: list[str]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def mib(self) -> float:
        """Its resident memory."""
        return psutil.Process(self.process.pid).memory_info().rss / MIB


@asynccontextmanager
async def served(folder: Path, upstream: str) -> AsyncIterator[Served]:
    """`refrain serve` in front of `upstream`, ended by Ctrl-C."""
    config = folder / "config" / "perf_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"caching": {"cache_dir": str(folder / "cache")}}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "refrain_sidecar.cli", "--config", str(config)),
        *("serve", "--port", "0", "--upstream", upstream),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    first = ""
    while not first.startswith("Serving"):
        first = (await process.stdout.readline()).decode()
    proxy = Served(first.split()[1], process, [])
    try:
        yield proxy
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
        proxy.said.append(rest.decode())
    assert process.returncode == 0
    assert "Traceback" not in proxy.said[0]


def request(body: bytes = BODY, path: str = "/api/chat") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def test_readers_who_stand_still_cost_little_memory(tmp_path: Path) -> None:
    async with hand_made(lines=1_500) as upstream, served(tmp_path, upstream.url) as proxy:
        async with httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http:
            await http.post("/api/chat", content=BODY)
            waiting = []
            for _ in range(READERS):
                _, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1024)
                writer.write(request())
                waiting.append(writer)
            await asyncio.sleep(3)
            assert proxy.mib < 300
            # Others are served all the while.
            assert (await http.post("/api/chat", content=BODY)).content == upstream.whole
            for writer in waiting:
                writer.close()
        assert len(upstream.asked) == 1


async def test_a_body_too_large_to_be_read_passes_through(tmp_path: Path) -> None:
    async with hand_made() as upstream, served(tmp_path, upstream.url) as proxy:
        body = json.dumps({"model": MODEL, "messages": [], "pad": "x" * (64 * MIB)}).encode()

        async def parts() -> AsyncIterator[bytes]:
            for at in range(0, len(body), MIB):
                yield body[at : at + MIB]

        async with httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http:
            length = {"content-length": str(len(body))}
            reply = await http.post("/api/chat", content=parts(), headers=length)
            assert reply.headers["cache-status"] == "refrain; fwd=bypass; detail=too-large"
            assert reply.content == upstream.whole
        assert upstream.asked == [body]
        assert proxy.mib < 300


async def test_mutated_requests_break_nothing_and_keep_nothing_broken(tmp_path: Path) -> None:
    chance = random.Random(11)
    seeds = [
        request(),
        request(json.dumps({"model": MODEL, "input": ["a", "b"]}).encode(), "/api/embed"),
        request(
            b'{"model": "small", "prompt": "x", "options": {"temperature": 0}}', "/all/api/generate"
        ),
        b"GET /refrain/state HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]

    def mutant() -> bytes:
        raw = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(raw))
            match chance.randrange(4):
                case 0:
                    raw[at] = chance.randrange(256)
                case 1:
                    del raw[at : at + chance.randint(1, 20)]
                case 2:
                    raw[at:at] = chance.choice(
                        [
                            b"[" * 3000,
                            b"\xed\xa0\x80",
                            b'"\\ud800"',
                            b"NaN",
                            b"\r\n",
                            b"1e999",
                            b"\0",
                        ]
                    )
                case 3:
                    raw[at:at] = b"X-Long: " + b"y" * chance.choice([10, 70_000]) + b"\r\n"
        return bytes(raw)

    async with hand_made(lines=3) as upstream, served(tmp_path, upstream.url) as proxy:

        async def send(raw: bytes) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            try:
                writer.write(raw)
                async with asyncio.timeout(0.15):
                    while await reader.read(65536):
                        pass
            except (TimeoutError, ConnectionError):
                pass
            finally:
                writer.close()

        for _ in range(MUTANTS // 50):
            await asyncio.gather(*(send(mutant()) for _ in range(50)))
        async with httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http:
            assert (await http.post("/api/chat", content=BODY)).content == upstream.whole
        assert proxy.mib < 300
    async with AsyncCache(CacheSettings(cache_dir=tmp_path / "cache")) as cache:
        assert (await cache.verify()).clean
        kept = await cache.entries(limit=10_000)
        assert kept.total >= 1


async def test_a_cache_that_cannot_be_used_stops_no_answer(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    async with (
        hand_made() as upstream,
        served(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http,
    ):
        for _ in range(2):
            assert (await http.post("/api/chat", content=BODY)).content == upstream.whole
