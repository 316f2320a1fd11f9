"""The page over a real cache, served by a real server: for its tests, and to look at by hand.

    python -m tests.serve.page_serving --cache FOLDER [--port 0] [--unused]

prints its URL and serves until stdin closes. Each line on stdin is one more request: `hit`,
`miss`, `fly` (one is in flight from then on) or `land` (none is any more).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from attrs import define, field
from starlette.applications import Starlette

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.http.listener import listener
from refrain_sidecar.serve.figures import Counts, Figures, InFlight
from refrain_sidecar.serve.page import Page

HOSTILE = "<img src=x onerror=\"document.title='hacked'\"></script><script>alert(1)</script>\u202e"
LONG = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Obsidian/1.9 " * 3


@define(eq=False)
class Proxy:
    """What the page shows, as the proxy would hold it."""

    figures: Figures = field(factory=lambda: Figures(since=time.time()))
    flying: list[InFlight] = field(factory=list)
    about: dict[str, Any] = field(
        factory=lambda: {
            "upstream": "http://127.0.0.1:11434",
            "engine": "ollama",
            "version": "0.33.0",
            "reachable": True,
            "policy": "auto",
            "url": "http://127.0.0.1:11435",
        }
    )
    listeners: list[Callable[[], None]] = field(factory=list)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def changed(self) -> None:
        for told in [*self.listeners]:
            told()

    def count(self, client: str, model: str, endpoint: str, at: float, **counts: float) -> None:
        """Add to everything that a request is counted under."""
        figures, minute = self.figures, int(at // 60) * 60
        for group, name in (
            (figures.clients, client),
            (figures.models, model),
            (figures.endpoints, endpoint),
            (figures.minutes, minute),
        ):
            add(group.setdefault(name, Counts()), counts)  # type: ignore[attr-defined]
        add(figures.totals, counts)


def add(counts: Counts, more: dict[str, float]) -> None:
    for name, value in more.items():
        setattr(counts, name, getattr(counts, name) + value)


def an_hour(proxy: Proxy) -> None:
    """An hour in which an editor embedded, a notebook asked again, and one client never hit.

    Nothing in its first minutes, so that none falls out of the chart while it is looked at.
    """
    now = time.time()
    proxy.figures.since = now - 3 * 3600
    proxy.figures.passed_through = 214
    for minute in range(50):
        at = now - 60 * minute
        count = proxy.count
        if minute % 7 != 3:
            hits = 3 + minute * 7 % 11
            count(
                "Continue/1.3",
                "nomic-embed-text:latest",
                "/api/embed",
                at,
                hits=hits,
                misses=minute % 4,
                saved_ms=hits * 31.0,
                saved_tokens=hits * 180,
            )
        if minute % 5 == 0:
            count(
                "python-httpx/0.28",
                "llama3.2:3b",
                "/v1/chat/completions",
                at,
                hits=2,
                coalesced=1,
                misses=1,
                saved_ms=9_400.0,
                saved_tokens=640,
            )
        if minute % 3 == 0:
            count(
                "Open WebUI",
                "qwen3:14b-q4_K_M",
                "/api/chat",
                at,
                passed=4,
                would_hit=1,
                would_save_ms=8_200.0,
            )
        if minute % 2 == 0:
            count("RooCode/3.30", "llama3.2:3b", "/api/chat", at, passed=1, errors=minute == 4)
    proxy.count(HOSTILE, HOSTILE, "/api/generate", now, misses=1, unkept=1)
    proxy.count(
        LONG,
        "hf.co/unsloth/" + "Qwen3-Coder-30B-A3B-Instruct-GGUF:" * 3,
        "/api/generate",
        now,
        misses=2,
    )
    flight = InFlight("/api/chat", "qwen3:14b-q4_K_M", "Open WebUI", now - 12, 2, 5_321)
    proxy.flying[:] = [flight, InFlight("/api/generate", HOSTILE, HOSTILE, now - 3, 1, 0)]


async def store(cache: AsyncCache, entries: int = 60) -> None:
    """So many answers of the proxy, one of which calls itself names, and one that is not its."""
    for number in range(entries):
        embeds = number % 3 > 0
        assert await cache.set(
            content=f"question {number // 2}",
            cache_type="api_embed" if embeds else "api_chat",
            value={"answer": "word " * (number % 40 + 1)},
            identity={
                "model": "nomic-embed-text:latest" if embeds else "llama3.2:3b",
                "temperature": number % 2,
            },
            cost_ms=40.0 + 700 * (number % 3 == 0) * number,
            label=f"{'/api/embed' if embeds else '/api/chat'} {number}",
        )
    assert await cache.set(
        content="hostile", cache_type="api_chat", value=1, label=HOSTILE, model=HOSTILE
    )
    assert await cache.set(
        content="mine", cache_type="stage1_enrichment", value=1, label="happy/grateful", model="m"
    )


@asynccontextmanager
async def page_served(proxy: Proxy, cache: AsyncCache, port: int = 0) -> AsyncIterator[str]:
    """Its address while the block runs; the end waits for every connection, as the proxy's does."""
    page = Page(cache, proxy.figures, lambda: proxy.flying, lambda: proxy.about, proxy.subscribe)
    app = Starlette(routes=list(page.routes()))
    with listener("127.0.0.1", port) as sock:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[sock]))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        page.close()
        server.should_exit = True
        await running


async def main(folder: Path, port: int, *, unused: bool) -> None:
    proxy = Proxy()
    async with AsyncCache(CacheSettings(cache_dir=folder)) as cache:
        if not unused:
            an_hour(proxy)
            if not (await cache.entries(limit=1)).total:
                await store(cache)
        async with page_served(proxy, cache, port) as url:
            proxy.about["url"] = url
            print(url, flush=True)
            while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
                obey(proxy, line)


def obey(proxy: Proxy, line: str) -> None:
    match line:
        case "hit":
            proxy.count(
                "ollama-python",
                "llama3.2:3b",
                "/api/chat",
                time.time(),
                hits=1,
                saved_ms=2_500.0,
                saved_tokens=90,
            )
        case "miss":
            proxy.count("ollama-python", "llama3.2:3b", "/api/chat", time.time(), misses=1)
        case "fly":
            proxy.flying.append(InFlight("/api/chat", "llama3.2:3b", "curl", time.time(), 1, 99))
        case "land":
            proxy.flying.clear()
    proxy.changed()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--unused", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.cache, given.port, unused=given.unused))
