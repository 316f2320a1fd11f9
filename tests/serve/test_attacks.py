"""`refrain serve` as people run it, attacked: slow readers, large bodies, mutated requests."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
from tests.serve.served import MIB, served
from tests.serve.upstreams import MODEL, hand_made

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.serve.stored import Answer

BODY = json.dumps(
    {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "options": {"seed": 1}}
).encode()
READERS = int(os.environ.get("REFRAIN_SLOW_READERS", "300"))
LEAVING = 1600
MUTANTS = int(os.environ.get("REFRAIN_MUTANTS", "1500"))


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


async def test_when_many_slow_readers_of_one_run_leave_upstream_is_left_too(
    tmp_path: Path,
) -> None:
    async with (
        hand_made(lines=1_000_000, pause=0.001) as upstream,
        served(tmp_path, upstream.url) as proxy,
    ):
        waiting = []
        for _ in range(READERS):
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1024)
            writer.write(request())
            waiting.append(writer)
        async with httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http:
            async with asyncio.timeout(60):
                joined = 0
                while joined < READERS:
                    (run,) = (await http.get("/refrain/figures")).json()["in_flight"] or [{}]
                    joined = run.get("waiting", 0)
            await asyncio.sleep(1)
            assert proxy.mib < 300
            assert (len(upstream.asked), upstream.open) == (1, 1)
            for writer in waiting:
                writer.transport.abort()
            async with asyncio.timeout(10):
                while upstream.open:  # noqa: ASYNC110 - it is in no event's hand
                    await asyncio.sleep(0.01)


async def test_clients_that_leave_at_once_leave_no_connection_to_upstream(tmp_path: Path) -> None:
    chance = random.Random(3)

    async def ask_and_leave(number: int, port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        message = {"role": "user", "content": f"question {number}"}
        asked = {"model": MODEL, "messages": [message], "options": {"seed": 1}}
        writer.write(request(json.dumps(asked).encode()))
        await asyncio.sleep(chance.random() * 0.02)
        writer.transport.abort()

    async with hand_made(lines=20) as upstream, served(tmp_path, upstream.url) as proxy:
        port = int(upstream.url.rpartition(":")[2])

        def connections() -> int:
            each = psutil.Process(proxy.process.pid).net_connections()
            return sum(bool(one.raddr) and one.raddr.port == port for one in each)

        for first in range(0, LEAVING, 8):
            await asyncio.gather(*(ask_and_leave(first + n, proxy.port) for n in range(8)))
        async with httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http:
            async with asyncio.timeout(60):
                # What is kept for the next request is closed with the first that comes later. One
                # is for that, and two look what is behind the models' names.
                while connections() > 4:
                    await asyncio.sleep(2)
                    await http.get("/api/version")


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
        await cache.export(tmp_path / "kept.gz")
    _, *kept = gzip.decompress((tmp_path / "kept.gz").read_bytes()).splitlines()
    assert kept
    for raw in kept:
        answer = Answer.from_store(json.loads(raw)["answer"])
        assert b"".join(answer.chunks()) == upstream.whole


async def test_a_cache_that_cannot_be_used_stops_no_answer(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    async with (
        hand_made() as upstream,
        served(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http,
    ):
        for _ in range(2):
            assert (await http.post("/api/chat", content=BODY)).content == upstream.whole
