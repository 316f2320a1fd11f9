"""What our client adds to a bare httpx stream, and how soon cancelling frees the engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import httpx
from attrs import frozen

from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.ollama import bodies
from refrain_sidecar.inference.ollama.messages import ChatRequest, Message

# A hundred and twenty tokens, whatever the model would like to say.
_LIST = {"type": "array", "items": {"type": "string"}, "minItems": 200}
_TOKENS = 120


@frozen
class Overhead:
    """Medians in ms. `added_*` is wall time beyond what the engine says the request took."""

    answer_ms: float
    added_bare_ms: float
    added_ours_ms: float

    @property
    def share(self) -> float:
        """What ours adds beyond a bare stream, as a share of the answer."""
        return (self.added_ours_ms - self.added_bare_ms) / self.answer_ms


def _request(engine: Engine, options: Mapping[str, Any], number: int) -> ChatRequest:
    return ChatRequest(
        model=engine.model,
        messages=(Message("user", f"List many words, beginning with word {number}."),),
        format=_LIST,
        options={**options, "num_predict": _TOKENS, "seed": number, "temperature": 0.7},
    )


async def overhead(engine: Engine, options: Mapping[str, Any], rounds: int) -> Overhead:
    """The same 120-token request through our client and through bare httpx, in turns."""
    walls: list[float] = []
    bare_added: list[float] = []
    ours_added: list[float] = []
    limits = httpx.Limits(max_keepalive_connections=1)
    async with httpx.AsyncClient(timeout=600, trust_env=False, limits=limits) as client:
        for number in range(rounds):
            request = _request(engine, options, number)
            began = time.perf_counter()
            engine_ms = await _bare(client, engine, bodies.chat_body(request))
            bare_added.append((time.perf_counter() - began) * 1e3 - engine_ms)
            began = time.perf_counter()
            answer = await engine.client.chat(request)
            walls.append((time.perf_counter() - began) * 1e3)
            ours_added.append(walls[-1] - answer.total_ms)
            assert answer.tokens == _TOKENS
    return Overhead(median(walls), median(bare_added), median(ours_added))


async def _bare(client: httpx.AsyncClient, engine: Engine, body: Any) -> float:
    """The engine's own ms for the request."""
    last: dict[str, Any] = {}
    url, headers = f"{engine.base_url}/api/chat", engine.client.headers
    async with client.stream("POST", url, json=body, headers=headers) as reply:
        async for line in reply.aiter_lines():
            last = json.loads(line)
    return float(last["total_duration"]) / 1e6


async def freed_ms(engine: Engine, options: Mapping[str, Any], rounds: int) -> list[float]:
    """Ms from cancelling in mid-stream until the engine's slot is idle, each round."""
    freed = []
    async with httpx.AsyncClient(
        base_url=engine.base_url, headers=engine.client.headers, trust_env=False
    ) as client:
        for number in range(rounds):
            request = _request(engine, options, 1000 + number)
            work = asyncio.create_task(engine.client.chat(request))
            await _until(client, lambda slot, least=5 + 3 * number: _decoded(slot) >= least)
            began = time.perf_counter()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            await _until(client, lambda slot: not slot["is_processing"])
            freed.append((time.perf_counter() - began) * 1e3)
    return freed


async def _until(client: httpx.AsyncClient, holds: Callable[[Any], bool]) -> None:
    while True:
        if holds((await client.get("/slots")).json()[0]):
            return
        await asyncio.sleep(0.002)


def _decoded(slot: Any) -> int:
    return int(slot["next_token"][0]["n_decoded"]) if slot["is_processing"] else 0
