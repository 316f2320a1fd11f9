"""An enrichment whose engine fails, in every way it can, is an error: nothing of it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, NetworkingSettings, Settings
from refrain_sidecar.enrichment import AsyncHybridScorer, AsyncPostEnricher
from refrain_sidecar.inference.choose import EngineChooser
from refrain_sidecar.inference.errors import (
    BrokenStream,
    EngineBusy,
    EngineFailed,
    EngineUnreachable,
    InferenceError,
    ModelMissing,
    RequestRefused,
    TimedOut,
)

from .misbehaving import DONE, Answer, Exchange, MisbehavingServer

TAG = {"name": "m:1", "model": "m:1", "digest": "d" * 64, "size": 1, "modified_at": ""}
PIECE = {"model": "m:1", "response": " sad", "done": False}
TOP = [{"token": token, "logprob": logprob} for token, logprob in ((" sad", -1.0), (" x", -2.0))]
TOLD = {**PIECE, "logprobs": [{"token": " sad", "logprob": -1.0, "top_logprobs": TOP}]}
WHEEL = {"primary": "sad", "secondary": "lonely", "tertiary": "alone"}
# How many requests for tokens are answered before it fails: one finds out what the model can do,
# three hear of the text, and the others of ordinary ones.
FINDING_OUT, HEARING, LEANING = 0, 1, 1 + 3 + 7


def status(code: int, body: bytes | dict[str, str] = b"") -> Answer:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply(code, body)

    return answer


def stream(*lines: dict[str, object]) -> Answer:
    async def answer(exchange: Exchange) -> None:
        await exchange.stream(*lines)

    return answer


async def vanish(exchange: Exchange) -> None:
    exchange.drop()


async def break_off(exchange: Exchange) -> None:
    await exchange.stream_head()
    await exchange.line(PIECE)
    exchange.drop()


async def fall_silent(exchange: Exchange) -> None:
    await exchange.stream_head()
    await exchange.line(PIECE)
    await exchange.hang()


async def say_nothing(exchange: Exchange) -> None:
    await exchange.hang()


async def first_stage(*made: Any) -> None:
    await AsyncHybridScorer(*made).enrich("The house is so empty.")


async def second_stage(*made: Any) -> None:
    await AsyncPostEnricher(*made).write({"wheel": WHEEL, "invoked": []})


@pytest.mark.parametrize(
    ("stage", "good"),
    [
        pytest.param(first_stage, FINDING_OUT, id="finding out"),
        pytest.param(first_stage, HEARING, id="hearing"),
        pytest.param(first_stage, LEANING, id="hearing of ordinary texts"),
        pytest.param(second_stage, HEARING, id="writing"),
    ],
)
@pytest.mark.parametrize(
    ("failure", "error"),
    [
        pytest.param(status(400, {"error": "bad"}), RequestRefused, id="400"),
        pytest.param(status(403), RequestRefused, id="403 without a word"),
        pytest.param(status(404, {"error": "model 'm:1' not found"}), ModelMissing, id="404"),
        pytest.param(status(500, {"error": "crashed"}), EngineFailed, id="500"),
        pytest.param(status(503, {"error": "server busy"}), EngineBusy, id="503"),
        pytest.param(stream(PIECE, {"error": "crashed"}), EngineFailed, id="error in mid-stream"),
        pytest.param(stream(PIECE), BrokenStream, id="no done"),
        pytest.param(break_off, BrokenStream, id="connection lost in mid-stream"),
        pytest.param(vanish, EngineUnreachable, id="connection lost"),
        pytest.param(fall_silent, TimedOut, id="silence in mid-stream"),
        pytest.param(say_nothing, TimedOut, id="silence"),
    ],
)
async def test_a_failing_engine_leaves_no_entry_and_no_connection(
    server: MisbehavingServer,
    tmp_path: Path,
    stage: Callable[..., Awaitable[None]],
    good: int,
    failure: Answer,
    error: type[InferenceError],
) -> None:
    left = good

    async def answer(exchange: Exchange) -> None:
        nonlocal left
        if exchange.path == "/api/version":
            await exchange.reply(200, {"version": "0.33.0"})
        elif exchange.path == "/api/tags":
            await exchange.reply(200, {"models": [TAG]})
        elif exchange.path == "/api/show":
            await exchange.reply(200, {"template": "<|im_start|>"})
        elif exchange.path == "/api/chat" and "_debug_render_only" in exchange.json:
            await exchange.reply(200, {"model": "m:1"})
        elif left:
            left -= 1
            await exchange.stream(TOLD, DONE)
        else:
            await failure(exchange)

    server.answers = [answer]
    # Nothing but the silence that is meant may end a request.
    patience_s = 1.0 if error is TimedOut else 20.0
    settings = Settings(
        inference=InferenceSettings(engine="ollama", base_url=server.url, model="m:1"),
        networking=NetworkingSettings(
            retries=0, first_token_timeout=patience_s, token_timeout=patience_s
        ),
        caching=CacheSettings(cache_dir=tmp_path),
    )
    chooser = EngineChooser(settings, 1)
    async with AsyncCache(settings.caching) as cache:
        with pytest.raises(error) as caught:
            await stage(cache, chooser, settings)
        assert type(caught.value) is error
        assert caught.value.message
        assert not left, "it failed later than was meant"
        assert (await cache.entries()).total == 0
    await chooser.close()
    async with asyncio.timeout(60):
        await server.all_closed.wait()
