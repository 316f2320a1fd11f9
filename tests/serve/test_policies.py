"""What is replayed, for whom, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.proxied import proxied, settings
from tests.serve.upstreams import MODEL, hand_made

from refrain_cache import AsyncCache
from refrain_sidecar.serve.hosting import Hosting

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

WARM: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
COLD = {**WARM, "options": {"temperature": 0}}


async def ask(http: httpx.AsyncClient, said: dict[str, Any], **headers: str) -> str:
    reply = await http.post(
        "/api/chat", json=said, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    return reply.headers["cache-status"].removeprefix("refrain; ")


async def test_auto_replays_what_was_meant_to_repeat_and_counts_the_rest(tmp_path: Path) -> None:
    async with (
        hand_made() as upstream,
        proxied(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
    ):
        assert [await ask(http, COLD) for _ in range(2)] == ["fwd=miss", "hit"]
        assert {await ask(http, WARM) for _ in range(3)} == {"fwd=bypass; detail=sampled"}
        assert await ask(http, {**WARM, "options": {"seed": 7}}) == "fwd=miss"
        # Speed is none of the question.
        fast = {**COLD, "options": {"temperature": 0.0, "num_thread": 3}, "keep_alive": "1h"}
        assert await ask(http, fast) == "hit"
        assert await ask(http, {**COLD, "unknown": 1}) == "fwd=miss"
        totals = proxy.hosting._proxy.counters.figures.totals  # type: ignore[union-attr]
        assert (totals.passed, totals.would_hit, totals.hits) == (3, 2, 2)
        assert proxy.hosting.state.hits == 2


async def test_a_header_an_address_and_a_rule_say_otherwise(tmp_path: Path) -> None:
    rules = {"small*": "all"}
    async with (
        hand_made() as upstream,
        proxied(tmp_path, upstream.url, rules=rules) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
    ):
        only = await http.post("/only/api/chat", json=WARM)
        assert only.status_code == 504
        assert "error" in only.json()
        assert upstream.asked == []
        assert [await ask(http, WARM) for _ in range(2)] == ["fwd=miss", "hit"]
        assert (await http.post("/only/api/chat", json=WARM)).status_code == 200
        assert await ask(http, WARM, refrain_cache="off") == "fwd=bypass; detail=off"
        assert await ask(http, WARM, refrain_cache="auto") == "fwd=bypass; detail=sampled"
        assert await ask(http, WARM, refrain_cache="refresh") == "fwd=miss"
        assert len(upstream.asked) == 4
        sampled = [await ask(http, WARM, refrain_sample="2") for _ in range(4)]
        assert sampled == ["hit", "fwd=miss", "hit", "hit"]
        assert not any(b"refrain" in body for body in upstream.asked)


async def test_while_the_engine_is_away_stored_answers_are_given(tmp_path: Path) -> None:
    async with hand_made() as upstream:
        async with (
            proxied(tmp_path, upstream.url) as proxy,
            httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
        ):
            whole = (await http.post("/api/chat", json=COLD)).content
            await proxy.cache.get_stats()
        url = upstream.url
    async with (
        proxied(tmp_path, url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
    ):
        hit = await http.post("/api/chat", json=COLD)
        assert (hit.content, hit.headers["cache-status"]) == (whole, "refrain; hit; detail=offline")
        missed = await http.post("/api/chat", json={**COLD, "more": 1})
        assert missed.status_code == 502
        assert "cannot be reached" in missed.json()["error"]
        compatible = await http.post("/v1/chat/completions", json={**WARM, "seed": 1})
        assert compatible.json()["error"]["type"] == "api_error"
        assert not proxy.hosting.state.reachable


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "vscode-webview://abc"}, 200),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example:11435"}, 403),
    ],
)
async def test_a_page_on_the_web_is_refused(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with (
        hand_made() as upstream,
        proxied(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
    ):
        for path in ("/api/chat", "/refrain/state"):
            method = "POST" if path == "/api/chat" else "GET"
            reply = await http.request(method, path, headers=headers, json=COLD)
            assert reply.status_code == status
        if "origin" in headers and status == 200:
            hit = await http.post("/api/chat", headers=headers, json=COLD)
            assert hit.headers["access-control-allow-origin"] == headers["origin"]


async def test_with_a_key_nobody_without_it_is_served(tmp_path: Path) -> None:
    async with hand_made() as upstream:
        chosen = settings(tmp_path, upstream.url)
        async with AsyncCache(chosen.caching) as cache:
            with pytest.raises(ValueError, match="API key"):
                Hosting(chosen, cache, host="0.0.0.0")
            hosting = Hosting(chosen, cache, host="0.0.0.0", keys=["k1", "k2"])
            state = await hosting.start()
            url = str(state.url).replace("0.0.0.0", "127.0.0.1")
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                for headers, status in (
                    ({}, 401),
                    ({"authorization": "Bearer no"}, 401),
                    ({"authorization": "Bearer k2", "host": "any.example"}, 200),
                    ({"x-api-key": "k1"}, 200),
                ):
                    reply = await http.post("/api/chat", json=COLD, headers=headers)
                    assert reply.status_code == status, headers
                assert (await http.get("/refrain/state", auth=("any", "k1"))).status_code == 200
            await hosting.close()


async def test_two_on_one_port_share_and_the_second_takes_over(tmp_path: Path) -> None:
    async with hand_made() as upstream:
        chosen = settings(tmp_path, upstream.url)
        async with AsyncCache(chosen.caching) as cache:
            first = Hosting(chosen, cache)
            port = int(str((await first.start()).url).rsplit(":", 1)[1])
            second = Hosting(settings(tmp_path, upstream.url, port=port), cache)
            shared = await second.start()
            assert (shared.shared, shared.url) == (True, first.state.url)
            taken_over = asyncio.Event()
            second.subscribe(lambda: second.state.shared or taken_over.set())
            await first.close()
            async with asyncio.timeout(60):
                await taken_over.wait()
            async with httpx.AsyncClient(base_url=str(second.state.url), trust_env=False) as http:
                assert (await http.post("/api/chat", json=COLD)).status_code == 200
            alone = Hosting(settings(tmp_path, upstream.url, port=port), cache, share=False)
            assert "taken" in str((await alone.start()).error)
            await second.close()


async def test_no_prompt_and_no_answer_is_written_in_plain(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="refrain")
    secret = "the cat sleeps at noon"
    said = {**COLD, "messages": [{"role": "user", "content": secret}], "system": secret}
    async with (
        hand_made() as upstream,
        proxied(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
    ):
        await http.post("/api/chat", json=said)
        await http.post("/api/chat", json={**said, "stop": 3})
        await proxy.cache.get_stats()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert secret.encode() not in raw
    assert secret not in caplog.text
    assert json.dumps(MODEL).encode() in raw  # what is there was looked at


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_packed_bodies_have_the_key_of_what_they_hold(tmp_path: Path, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}[encoding]
    packed_as = {"content-encoding": encoding}
    async with (
        hand_made() as upstream,
        proxied(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
    ):
        assert await ask(http, COLD) == "fwd=miss"
        packed = pack(json.dumps(COLD).encode())
        reply = await http.post("/api/chat", content=packed, headers=packed_as)
        assert reply.headers["cache-status"] == "refrain; hit"
        for unread in (pack(b" " * 50_000_000), packed[:-3], b"neither"):
            reply = await http.post("/api/chat", content=unread, headers=packed_as)
            assert reply.headers["cache-status"] == "refrain; fwd=bypass; detail=not-understood"
            assert upstream.asked[-1] == unread
