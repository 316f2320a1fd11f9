"""Engines that come, go and hang while the proxy runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import httpx
from tests.ports import free_port
from tests.serve.proxied import settings
from tests.serve.upstreams import MODEL, hand_made

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, ServeSettings, Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.inference.models.manifest import manifest
from refrain_sidecar.inference.reaching.to_embedded import ToEmbedded
from refrain_sidecar.serve.hosting import Hosting

EMBEDDED = manifest().weights.model
CHAT = {
    "model": EMBEDDED,
    "messages": [{"role": "user", "content": "hi"}],
    "options": {"seed": 1, "num_predict": 2},
    "stream": False,
}
BODY = json.dumps(
    {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "options": {"seed": 1}}
).encode()


async def test_it_follows_ollama_as_that_comes_and_goes(tmp_path: Path) -> None:
    port = free_port()
    chosen = Settings(
        caching=CacheSettings(cache_dir=tmp_path),
        inference=InferenceSettings(base_url=f"http://127.0.0.1:{port}"),
        serve=ServeSettings(port=0),
    )
    embedded = ToEmbedded(chosen, threads_in_force(chosen))
    async with AsyncCache(chosen.caching) as cache:
        hosting = Hosting(chosen, cache, embedded=embedded)
        state = await hosting.start()
        async with httpx.AsyncClient(base_url=str(state.url), timeout=30, trust_env=False) as http:

            async def until(names: set[str]) -> None:
                async with asyncio.timeout(10):
                    while await models() != names:  # noqa: ASYNC110 - it is asked
                        await asyncio.sleep(0.2)

            async def models() -> set[str]:
                tags = (await http.get("/api/tags")).json()
                return {model["name"] for model in tags.get("models", ())}

            assert (state.engine, state.reachable) == ("embedded", True)
            small = await models()
            assert small
            async with hand_made(port) as upstream:
                await until({MODEL})
                assert hosting.state.engine == "ollama"
                assert (await http.post("/api/chat", content=BODY)).content == upstream.whole
                await cache.get_stats()
            await until(small)
            assert hosting.state.engine == "embedded"
            # What Ollama answered is still given.
            hit = await http.post("/api/chat", content=BODY)
            assert hit.content == upstream.whole
            assert hit.headers["cache-status"] == "refrain; hit; detail=offline"
            # An engine that dies is started anew, elsewhere.
            reached, process = embedded.reached, embedded._process
            assert process is not None
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            await asyncio.sleep(0.5)
            await until(small)
            assert embedded.reached is not reached
        await hosting.close()
        assert embedded.alive  # it is another's
    await embedded.close()


async def test_when_ollama_dies_the_embedded_engine_answers_the_very_next_request(
    tmp_path: Path,
) -> None:
    async with hand_made(silent=True) as upstream:
        chosen = Settings(
            caching=CacheSettings(cache_dir=tmp_path),
            inference=InferenceSettings(base_url=upstream.url, num_threads=1),
            serve=ServeSettings(port=0),
        )
        async with AsyncCache(chosen.caching) as cache:
            hosting = Hosting(chosen, cache)
            state = await hosting.start()
            assert state.engine == "ollama"
            async with httpx.AsyncClient(
                base_url=str(state.url), timeout=60, trust_env=False
            ) as http:
                say = {"model": EMBEDDED, "prompt": "Once", "stream": False}
                few = {"num_predict": 2}
                cold = {**say, "options": {**few, "seed": 1}}
                early = asyncio.ensure_future(http.post("/api/chat", json=CHAT))
                async with asyncio.timeout(30):
                    while not upstream.asked:  # noqa: ASYNC110 - it is in no event's hand
                        await asyncio.sleep(0.01)
                upstream.end()
                answers = await asyncio.gather(
                    early,
                    http.post("/api/generate", json=cold),
                    http.post("/api/generate", json=cold),
                    http.post("/api/generate", json={**say, "options": few}),
                    http.post("/api/generate", json={**say, "prompt": ""}),
                    http.post("/api/show", json={"model": EMBEDDED}),
                    http.get("/api/tags"),
                )
                assert [answer.status_code for answer in answers] == [200] * 7
                assert answers[1].json()["response"] == answers[2].json()["response"] != ""
                # What only Ollama has cannot be asked of another.
                lost = await http.post("/api/chat", content=BODY)
                assert lost.status_code == 502
                assert lost.headers["cache-status"] == "refrain; fwd=miss; detail=offline"
            figures = hosting._proxy.counters.figures  # type: ignore[union-attr]
            # The fifth only loads the model.
            assert figures.totals.requests == 5
            assert (figures.totals.passed, figures.totals.errors) == (1, 1)
            assert figures.passed_through == 2
            await hosting.close()


async def test_hits_wait_for_an_engine_that_hangs_only_once(tmp_path: Path) -> None:
    async with hand_made() as upstream:
        chosen = settings(tmp_path, upstream.url)
        async with AsyncCache(chosen.caching) as cache:
            hosting = Hosting(chosen, cache)
            url = str((await hosting.start()).url)
            async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
                await http.post("/api/chat", content=BODY)
                await cache.get_stats()
                upstream.hangs = True
                await asyncio.sleep(2.1)
                assert (await http.post("/api/chat", content=BODY)).content == upstream.whole
                for _ in range(30):
                    began = time.perf_counter()
                    hit = await http.post("/api/chat", content=BODY)
                    assert hit.headers["cache-status"] == "refrain; hit; detail=offline"
                    assert time.perf_counter() - began < 1
                    await asyncio.sleep(0.1)
                upstream.hangs = False
                async with asyncio.timeout(10):
                    while hit.headers["cache-status"] != "refrain; hit":
                        await asyncio.sleep(0.2)
                        hit = await http.post("/api/chat", content=BODY)
            await hosting.close()


async def test_its_state_is_true_while_nobody_asks(tmp_path: Path) -> None:
    async with hand_made() as upstream:
        chosen = settings(tmp_path, upstream.url)
        async with AsyncCache(chosen.caching) as cache:
            hosting = Hosting(chosen, cache)
            assert (await hosting.start()).reachable
            changed = asyncio.Event()
            hosting.subscribe(changed.set)
            port = int(upstream.url.rsplit(":", 1)[1])
            upstream.hangs = True
            async with asyncio.timeout(15):
                await changed.wait()
            assert not hosting.state.reachable
            upstream.hangs = False
            changed.clear()
            async with asyncio.timeout(15):
                await changed.wait()
            assert hosting.state.reachable
            assert hosting.state.upstream == f"http://127.0.0.1:{port}"
            await hosting.close()


async def test_without_the_embedded_engine_it_says_how_to_get_it(tmp_path: Path) -> None:
    config = tmp_path / "perf_config.json"
    config.write_text(json.dumps({"caching": {"cache_dir": str(tmp_path / "cache")}}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "refrain_sidecar.cli", "--config", str(config)),
        *("serve", "--port", "0", "--upstream", "embedded"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path / "empty"), "HOME": str(tmp_path)},
    )
    said, _ = await process.communicate()
    assert process.returncode == 1
    assert b"refrain models fetch" in said
    assert b"Traceback" not in said
