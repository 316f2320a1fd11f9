"""`python -m tests.bench.serve.soak`: mixed load for long, every answer compared byte by byte.

`SOAK_MINUTES` (30) of it at 50 requests a second; memory and file descriptors are compared at
rest, between the end of the first sixth and the end. The last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import tempfile
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import psutil
from attrs import define, field
from rich.console import Console
from tests.bench.cache.report import Bar, Section
from tests.bench.serve import servers
from tests.bench.serve.many_wires import Reply, Wires
from tests.bench.serve.speaking import MODEL, answer, vectors

MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "30"))
PER_SECOND: Final = 50
# On a machine with other work to do it is asked as fast as it answers.
_AT_ONCE: Final = 40
# What is remembered in memory is full long before the first sixth is over.
_IN_MEMORY: Final = 1000
_SAMPLE_S: Final = 5.0
_PARTS: Final = 6
# Longer than a connection to upstream is kept that nobody uses.
_REST_S: Final = 6.0
_MIB: Final = 1024 * 1024
_COLD: Final = {"temperature": 0}


@define
class Seen:
    """What came of the requests; `rss` (MiB) and `fds` are the proxy's, every few seconds, and both
    `at_rest` after each sixth."""

    kinds: Counter[str] = field(factory=Counter)
    notes: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    failed: Counter[str] = field(factory=Counter)
    rss: list[float] = field(factory=list)
    fds: list[int] = field(factory=list)
    at_rest: list[tuple[float, int]] = field(factory=list)


class Asking:
    """One request of some kind at a time, its answer compared with what it has to be."""

    def __init__(self, wires: Wires, seen: Seen, chance: random.Random) -> None:
        self._wires = wires
        self._seen = seen
        self._chance = chance
        self._new = 0

    async def any(self) -> None:
        """A request as a machine's programs make them."""
        kinds = {
            self.hit: 35,
            self.whole: 15,
            self.miss: 8,
            self.together: 2,
            self.embed: 12,
            self.sampled: 10,
            self.passed: 8,
            self.leaving: 10,
        }
        (kind,) = self._chance.choices(list(kinds), list(kinds.values()))
        self._seen.kinds[kind.__name__] += 1
        try:
            await kind()
        except (OSError, AssertionError) as error:
            self._seen.failed[f"{kind.__name__}: {error!r}"[:200]] += 1

    async def hit(self) -> None:
        await self._chat(f"again {self._chance.randrange(200)}", _COLD)

    async def whole(self) -> None:
        prompt = f"whole {self._chance.randrange(200)}"
        asked = {"model": MODEL, "prompt": prompt, "stream": False, "options": _COLD}
        await self._compared("/api/generate", asked)

    async def miss(self) -> None:
        await self._chat(f"new {self._number()}", _COLD)

    async def together(self) -> None:
        prompt = f"together {self._number()}"
        await asyncio.gather(*(self._chat(prompt, _COLD) for _ in range(4)))

    async def sampled(self) -> None:
        await self._chat(f"warm {self._chance.randrange(300)}", {"temperature": 0.8})

    async def embed(self) -> None:
        texts = [f"text {self._chance.randrange(400)}" for _ in range(7)]
        texts.append(f"text {self._number()} of its own")
        body = json.dumps({"model": MODEL, "input": texts}).encode()
        reply = await self._wires.ask("/api/embed", body)
        self._note(reply)
        if json.loads(reply.body)["embeddings"] != vectors(texts):
            self._seen.wrong.append(f"embed {texts}")

    async def passed(self) -> None:
        path = self._chance.choice(["/api/tags", "/api/version", "/api/show", "/else/where"])
        await self._compared(path, {"model": MODEL, "pad": "x" * self._chance.randrange(5000)})

    async def leaving(self) -> None:
        """A client that leaves in the middle of a stream, at times of one that others read too."""
        number = self._number() if self._chance.random() < 0.7 else self._chance.randrange(200)
        body = _chat(f"left {number}", _COLD)
        whole, parts = b"".join(answer("/api/chat", body)), self._chance.randrange(10)
        came = b""
        async with aclosing(self._wires.asking("/api/chat", body)) as coming:
            async for raw in coming:
                came = raw
                parts -= 1
                if parts < 0:
                    break
        came = b"".join(re.findall(rb"\r\n(\{[^\r]*\n)", came))
        if not whole.startswith(came):
            self._seen.wrong.append(f"left {number}")

    async def _chat(self, prompt: str, options: dict[str, Any]) -> None:
        await self._sent("/api/chat", _chat(prompt, options))

    async def _compared(self, path: str, asked: dict[str, Any]) -> None:
        await self._sent(path, json.dumps(asked).encode())

    async def _sent(self, path: str, body: bytes) -> None:
        reply = await self._wires.ask(path, body)
        self._note(reply)
        if reply.body != b"".join(answer(path, body)):
            self._seen.wrong.append(f"{path} {body[:200]!r}")

    def _note(self, reply: Reply) -> None:
        assert reply.status == 200, reply.status
        self._seen.notes[reply.note or "passed through"] += 1

    def _number(self) -> int:
        self._new += 1
        return self._new


def _chat(prompt: str, options: dict[str, Any]) -> bytes:
    messages = [{"role": "user", "content": prompt}]
    return json.dumps({"model": MODEL, "messages": messages, "options": options}).encode()


async def soak(url: str, proxy: psutil.Process, minutes: float) -> Seen:
    """Load on the proxy at `url` for so long, in sixths; between them it is let rest."""
    seen = Seen()
    wires = Wires(url)
    asking = Asking(wires, seen, random.Random(6))
    for _ in range(_PARTS):
        await _load(asking, proxy, seen, minutes * 60 / _PARTS)
        # At rest only what is kept is left: how many are at it at once is the machine's doing.
        wires.close()
        await asyncio.sleep(_REST_S)
        # They are closed when the next one is needed.
        await asking.passed()
        wires.close()
        await asyncio.sleep(1)
        seen.at_rest.append((proxy.memory_info().rss / _MIB, proxy.num_fds()))
    return seen


async def _load(asking: Asking, proxy: psutil.Process, seen: Seen, seconds: float) -> None:
    under_way: set[asyncio.Task[None]] = set()
    began = next_at = sampled = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        if now >= sampled:
            sampled += _SAMPLE_S
            seen.rss.append(proxy.memory_info().rss / _MIB)
            seen.fds.append(proxy.num_fds())
        while len(under_way) >= _AT_ONCE:
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.ensure_future(asking.any())
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        next_at = max(next_at + 1 / PER_SECOND, now)
        await asyncio.sleep(next_at - time.monotonic())
    await asyncio.gather(*under_way)


def section(seen: Seen, seconds: float) -> Section:
    """The rows are the sixths of the time."""
    (rss, fds), last = seen.at_rest[0], seen.at_rest[-1]
    asked = sum(seen.kinds.values())
    return Section(
        name="soak",
        title=f"{asked:,} requests in {seconds / 60:.0f} minutes, {asked / seconds:.0f} a second",
        headings=("after sixth", "memory at rest, MiB", "file descriptors at rest"),
        rows=tuple(
            (str(at), f"{memory:.1f}", f"{files}")
            for at, (memory, files) in enumerate(seen.at_rest, 1)
        ),
        bars=(
            Bar("wrong answers", len(seen.wrong), "≤", 0),
            Bar("failed requests", sum(seen.failed.values()), "≤", 0),
            # What was loaded and filled in the first sixth stays.
            Bar("memory grown after the first sixth, MiB", last[0] - rss, "≤", 3),
            Bar("file descriptors grown after it", last[1] - fds, "≤", 4),
        ),
        figures={
            "at_rest": seen.at_rest,
            "rss_mib": [round(one, 2) for one in seen.rss[:: max(1, len(seen.rss) // 30)]],
            "fds": seen.fds[:: max(1, len(seen.fds) // 30)],
            "kinds": dict(seen.kinds),
            "notes": dict(seen.notes),
        },
        notes=(*seen.wrong[:5], *(f"{number} × {why}" for why, number in seen.failed.items())),
    )


def main() -> None:
    caching = {"memory_entries": _IN_MEMORY}
    with (
        tempfile.TemporaryDirectory(prefix="refrain-soak-") as folder,
        servers.printing("tests.bench.serve.speaking") as upstream,
        servers.refrain(Path(folder), upstream, policy="auto", caching=caching) as url,
    ):
        children = psutil.Process().children()
        (proxy,) = (child for child in children if "serve" in child.cmdline())
        began = time.monotonic()
        seen = asyncio.run(soak(url, proxy, MINUTES))
        found = section(seen, time.monotonic() - began)
    found.print_on(Console())
    print(json.dumps({"bench": "serve soak", "minutes": MINUTES, **found.as_json()}))


if __name__ == "__main__":
    main()
