"""A client that leaves frees the engine, whatever the engine was doing for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest

MODEL = "smollm2:135m"
# A text the model may not end before the context is full.
ENDLESS = {"type": "array", "items": {"type": "string"}, "minItems": 400}
ENDLESS_OPTIONS = {"num_predict": 900, "temperature": 0.7, "seed": 1}


async def slot(client: httpx.AsyncClient) -> Any:
    """The engine's one slot, None while no model is loaded."""
    slots = (await client.get("/slots")).json()
    return slots[0] if slots else None


async def until_busy(client: httpx.AsyncClient, decoded: int = 1) -> None:
    """Returns once the engine has made `decoded` tokens."""
    async with asyncio.timeout(120):
        while True:
            now = await slot(client)
            if now and now["is_processing"] and now["next_token"][0]["n_decoded"] >= decoded:
                return
            await asyncio.sleep(0.01)


async def until_idle(client: httpx.AsyncClient) -> Any:
    """The slot, once nothing runs in it."""
    async with asyncio.timeout(120):
        while True:
            now = await slot(client)
            if not now["is_processing"]:
                return now
            await asyncio.sleep(0.01)


async def leave(work: asyncio.Task[Any]) -> None:
    """Closes the connection of a request."""
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


def endless(client: httpx.AsyncClient, *, stream: bool) -> Coroutine[Any, Any, Any]:
    """A request that would go on until the context is full."""
    return client.post(
        "/api/generate",
        json={
            "model": MODEL,
            "prompt": "List words.",
            "format": ENDLESS,
            "options": ENDLESS_OPTIONS,
            "stream": stream,
        },
    )


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_while_text_is_made(client: httpx.AsyncClient, stream: bool) -> None:
    work = asyncio.create_task(endless(client, stream=stream))
    await until_busy(client, decoded=5)
    await leave(work)
    idle = await until_idle(client)
    assert idle["next_token"][0]["n_decoded"] < ENDLESS_OPTIONS["num_predict"]


async def test_leaving_a_stream_of_events(client: httpx.AsyncClient) -> None:
    shape = {"type": "json_schema", "json_schema": {"schema": ENDLESS}}
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "List words."}],
        "response_format": shape,
        "max_tokens": 900,
        "seed": 1,
        "stream": True,
    }
    work = asyncio.create_task(client.post("/v1/chat/completions", json=body))
    await until_busy(client, decoded=5)
    await leave(work)
    assert (await until_idle(client))["next_token"][0]["n_decoded"] < body["max_tokens"]


async def test_leaving_while_the_prompt_is_read(client: httpx.AsyncClient) -> None:
    await client.post("/api/generate", json={"model": MODEL})
    numbers = " ".join(str(number * 7919 % 10007) for number in range(180))
    body = {"model": MODEL, "prompt": numbers, "raw": True, "options": {"num_predict": 1}}
    work = asyncio.create_task(client.post("/api/generate", json=body))
    await until_busy(client, decoded=0)
    await leave(work)
    idle = await until_idle(client)
    assert idle["next_token"][0]["n_decoded"] == 0


async def test_leaving_the_queue(client: httpx.AsyncClient) -> None:
    first = asyncio.create_task(endless(client, stream=True))
    await until_busy(client)
    waiting = asyncio.create_task(endless(client, stream=False))
    last = asyncio.create_task(
        client.post(
            "/api/generate",
            json={
                "model": MODEL,
                "prompt": "Hi",
                "stream": False,
                "options": {"num_predict": 2},
            },
        )
    )
    await asyncio.sleep(0)
    await leave(waiting)
    await leave(first)
    assert (await last).json()["eval_count"] <= 2
    assert not (await until_idle(client))["is_processing"]


async def test_requests_at_the_same_time_take_turns(client: httpx.AsyncClient) -> None:
    replies = await asyncio.gather(
        *(
            client.post(
                "/api/generate",
                json={
                    "model": MODEL,
                    "prompt": f"Say {number}.",
                    "stream": False,
                    "options": {"num_predict": 3, "num_ctx": 512 if number % 2 else 1024},
                },
            )
            for number in range(4)
        )
    )
    assert [reply.status_code for reply in replies] == [200] * 4
    assert all(reply.json()["response"] for reply in replies)
