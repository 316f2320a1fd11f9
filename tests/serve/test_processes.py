"""Several processes at once: two of clients before one proxy, two proxies over one file."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
from tests.serve.asking import BODY
from tests.serve.served import served
from tests.serve.upstreams import hand_made


async def test_two_hundred_equal_streams_from_two_processes_make_one_request(
    tmp_path: Path,
) -> None:
    async with (
        hand_made(lines=40, pause=0.1) as upstream,
        served(tmp_path, upstream.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False) as http,
    ):
        clients = [
            await asyncio.create_subprocess_exec(
                # Ten late in each, by turns: one each 10 ms.
                *(sys.executable, "-m", "tests.serve.asking", proxy.url, "90", "10", "20"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(2)
        ]

        async def go(client: asyncio.subprocess.Process, after: float) -> Counter[str]:
            await asyncio.sleep(after)
            said, _ = await client.communicate(b"go\n")
            return Counter(json.loads(said))

        answers = await asyncio.gather(go(clients[0], 0), go(clients[1], 0.01))
        whole = hashlib.sha256(upstream.whole).hexdigest()
        assert answers[0] + answers[1] == {whole: 200}
        assert len(upstream.asked) == 1
        totals = (await http.get("/refrain/figures")).json()["totals"]
        assert totals["misses"] == 1
        assert totals["coalesced"] + totals["hits"] == 199
        assert totals["coalesced"] > 100


async def test_two_proxies_over_one_file_ask_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    async with (
        hand_made(lines=30, pause=0.05) as upstream,
        served(tmp_path / "one", upstream.url, cache=cache) as first,
        served(tmp_path / "two", upstream.url, cache=cache) as second,
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
    ):
        asked = asyncio.ensure_future(http.post(f"{first.url}/api/chat", content=BODY))
        async with asyncio.timeout(30):
            while not upstream.asked:  # noqa: ASYNC110 - it is in no event's hand
                await asyncio.sleep(0.01)
        waiting = asyncio.ensure_future(http.post(f"{second.url}/api/chat", content=BODY))
        assert (await asked).content == upstream.whole
        ended = time.perf_counter()
        assert (await waiting).content == upstream.whole
        # It comes as soon as it is stored, which is seen within a tenth of a second.
        assert time.perf_counter() - ended < 5
        assert len(upstream.asked) == 1


async def test_a_proxy_goes_on_where_the_one_it_waited_for_was_killed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    config = tmp_path / "one.json"
    config.write_text(json.dumps({"caching": {"cache_dir": str(cache)}}))
    async with (
        hand_made(lines=40, pause=0.1) as upstream,
        served(tmp_path / "two", upstream.url, cache=cache) as second,
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
    ):
        first = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "refrain_sidecar.cli", "--config", str(config)),
            *("serve", "--port", "0", "--upstream", upstream.url),
            stdout=asyncio.subprocess.PIPE,
        )
        assert first.stdout is not None
        url = (await first.stdout.readline()).decode().split()[1]
        lost = asyncio.ensure_future(http.post(f"{url}/api/chat", content=BODY))
        async with asyncio.timeout(30):
            while not upstream.asked:  # noqa: ASYNC110 - it is in no event's hand
                await asyncio.sleep(0.01)
        waiting = asyncio.ensure_future(http.post(f"{second.url}/api/chat", content=BODY))
        await asyncio.sleep(0.5)
        first.kill()
        await first.wait()
        (cut,) = await asyncio.gather(lost, return_exceptions=True)
        assert isinstance(cut, httpx.RemoteProtocolError)
        assert (await waiting).content == upstream.whole
        assert len(upstream.asked) == 2
