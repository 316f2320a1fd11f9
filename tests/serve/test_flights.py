"""Equal requests at once: one goes upstream, all get every byte, and the last to leave ends it."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.proxied import proxied
from tests.serve.upstreams import MODEL, HandMade, hand_made

BODY = json.dumps(
    {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "options": {"seed": 1}}
).encode()


def client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it is in no event's hand
            await asyncio.sleep(0.01)


async def idle(upstream: HandMade) -> None:
    await until(lambda: not upstream.open)


async def test_two_hundred_equal_streams_make_one_request(tmp_path: Path) -> None:
    async with (
        hand_made(lines=40, pause=0.02) as upstream,
        proxied(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(
            base_url=proxy.url,
            timeout=60,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        ) as http,
    ):

        async def ask(after: float) -> bytes:
            await asyncio.sleep(after)
            return (await http.post("/api/chat", content=BODY)).content

        late = [ask(0.01 * number) for number in range(20)]
        answers = await asyncio.gather(*(ask(0) for _ in range(180)), *late)
        assert set(answers) == {upstream.whole}
        assert len(upstream.asked) == 1
        totals = proxy.hosting._proxy.counters.figures.totals  # type: ignore[union-attr]
        assert (totals.requests, totals.coalesced + totals.hits) == (200, 199)


async def test_when_the_last_client_leaves_upstream_is_left_too(tmp_path: Path) -> None:
    chance = random.Random(5)
    async with (
        hand_made(lines=200, pause=0.005) as upstream,
        proxied(tmp_path, upstream.url) as proxy,
        client(proxy.url) as http,
    ):
        for _ in range(25):
            first, second = (0.3 * chance.random() for _ in range(2))

            async def leave_after(seconds: float) -> None:
                async with http.stream("POST", "/api/chat", content=BODY) as reply:
                    try:
                        async with asyncio.timeout(seconds):
                            async for _ in reply.aiter_raw():
                                pass
                    except TimeoutError:
                        pass

            await asyncio.gather(leave_after(first), leave_after(second))
            await idle(upstream)
        # On a busy machine some leave before they have asked.
        assert upstream.broken > 12
        assert (await proxy.cache.entries()).total == 0
        # It is well afterwards.
        assert (await http.post("/api/chat", content=BODY)).content == upstream.whole


async def test_one_who_stays_gets_all_though_the_first_left(tmp_path: Path) -> None:
    async with (
        hand_made(lines=50, pause=0.01) as upstream,
        proxied(tmp_path, upstream.url) as proxy,
        client(proxy.url) as http,
    ):
        first = asyncio.ensure_future(http.post("/api/chat", content=BODY))
        await asyncio.sleep(0.1)
        second = asyncio.ensure_future(http.post("/api/chat", content=BODY))
        await asyncio.sleep(0.1)
        first.cancel()
        assert (await second).content == upstream.whole
        assert len(upstream.asked) == 1


async def test_an_answer_cut_off_anywhere_is_never_kept(tmp_path: Path) -> None:
    chance = random.Random(7)
    async with hand_made() as upstream, proxied(tmp_path, upstream.url) as proxy:
        size = len(upstream.whole)
        async with client(proxy.url) as http:
            for _ in range(50):
                upstream.cut = chance.randrange(size)
                with pytest.raises(httpx.RemoteProtocolError):
                    await http.post("/api/chat", content=BODY)
            upstream.cut = None
            assert (await proxy.cache.entries()).total == 0
            missed = await http.post("/api/chat", content=BODY)
            hit = await http.post("/api/chat", content=BODY)
        assert missed.content == hit.content == upstream.whole
        assert hit.headers["cache-status"] == "refrain; hit"
        assert len(upstream.asked) == 51


async def test_a_client_that_reads_slowly_holds_back_upstream(tmp_path: Path) -> None:
    async with (
        hand_made(lines=100_000) as upstream,
        proxied(tmp_path, upstream.url) as proxy,
    ):
        with socket.socket() as sock:
            # Else the system holds megabytes for it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", int(proxy.url.rsplit(":", 1)[1])))
            sock.sendall(
                b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
                % (len(BODY), BODY)
            )
            await until(lambda: upstream.asked)
            before, sent = -1, 0
            async with asyncio.timeout(60):
                while sent != before:
                    await asyncio.sleep(1.5)
                    (under_way,) = proxy.hosting._proxy.in_flight()  # type: ignore[union-attr]
                    before, sent = sent, under_way.sent
            assert 0 < sent < 0.8 * len(upstream.whole)
        await idle(upstream)


async def test_a_model_that_changes_meanwhile_is_not_kept_under_the_old_digest(
    tmp_path: Path,
) -> None:
    async with (
        hand_made(lines=30, pause=0.01) as upstream,
        proxied(tmp_path, upstream.url) as proxy,
        client(proxy.url) as http,
    ):
        asking = asyncio.ensure_future(http.post("/api/chat", content=BODY))
        await until(lambda: upstream.asked)
        upstream.digest = "d2"
        assert (await asking).content == upstream.whole
        await asyncio.sleep(0.3)
        assert (await proxy.cache.entries()).total == 0
