"""Requests that are not answered with 200, or with nothing: which error, and what it advises."""

from __future__ import annotations

import logging

import pytest
from attrs import evolve

from refrain_sidecar.inference.errors import (
    EngineBusy,
    EngineFailed,
    EngineUnreachable,
    InferenceError,
    ModelMissing,
    RequestRefused,
)
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import GenerateRequest

from .conftest import STRICT
from .misbehaving import DONE, Answer, Exchange, MisbehavingServer

ASK = GenerateRequest("llama3.2:3b", "a private text")


async def good(exchange: Exchange) -> None:
    await exchange.stream({"response": "yes", "done": False}, DONE)


async def vanish(exchange: Exchange) -> None:
    exchange.drop()


async def busy(exchange: Exchange) -> None:
    await exchange.reply(503, {"error": "server busy, please try again."})


async def busy_for_no_time(exchange: Exchange) -> None:
    await exchange.reply(503, b"", retry_after="0")


async def busy_for_an_hour(exchange: Exchange) -> None:
    await exchange.reply(503, b"", retry_after="3600")


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (400, {"error": '"m" does not support thinking'}, RequestRefused, "Ask without `think`"),
        (400, {"error": "top_logprobs must be between 0 and 20"}, RequestRefused, "20 for Ollama"),
        (400, {"error": "the input exceeds the context length"}, RequestRefused, "num_ctx"),
        (400, {"error": "missing request body"}, RequestRefused, "missing request body"),
        (404, {"error": "model 'llama3.2:3b' not found"}, ModelMissing, "ollama pull llama3.2:3b"),
        (404, b"404 page not found", RequestRefused, "does not know /api/generate"),
        (403, b"", RequestRefused, "OLLAMA_ORIGINS"),
        (401, {"error": "unauthorized"}, RequestRefused, "unauthorized"),
        (301, b"", RequestRefused, "points elsewhere"),
        (500, {"error": "llama runner crashed"}, EngineFailed, "llama runner crashed"),
        (500, b"", EngineFailed, "status 500"),
        (502, b"<html>bad gateway</html>", EngineFailed, "bad gateway"),
        (500, {"error": {"message": "nested"}}, EngineFailed, "nested"),
        (500, b"\xff\x00" * 100_000, EngineFailed, "failed"),
    ],
)
async def test_each_status_is_one_error_asked_once(
    server: MisbehavingServer,
    client: OllamaClient,
    status: int,
    body: bytes | dict[str, object],
    error: type[InferenceError],
    says: str,
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.reply(status, body)

    server.answers = [refuse, good]

    with pytest.raises(error) as caught:
        await client.generate(ASK)

    assert type(caught.value) is error
    assert says in caught.value.message
    assert server.url in caught.value.message
    assert len(caught.value.message) < 700
    assert len(server.requests) == 1
    assert (await client.generate(ASK)).text == "yes"


async def test_a_model_the_embedded_engine_lacks_is_not_to_be_pulled(
    server: MisbehavingServer,
) -> None:
    async def missing(exchange: Exchange) -> None:
        await exchange.reply(404, {"error": "model 'x' not found"})

    server.answers = [missing]
    async with OllamaClient(server.url, STRICT, "embedded") as client:
        with pytest.raises(ModelMissing, match="refrain models fetch"):
            await client.show("x")


@pytest.mark.parametrize("moment", [busy, busy_for_no_time, vanish])
async def test_what_passes_is_waited_for(
    server: MisbehavingServer, client: OllamaClient, moment: Answer
) -> None:
    server.answers = [moment, moment, good]

    assert (await client.generate(ASK)).text == "yes"
    assert len(server.requests) == 3


async def test_a_server_that_stays_busy_is_reported_busy(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    server.answers = [busy]

    with pytest.raises(EngineBusy, match="queue is full"):
        await client.generate(ASK)

    assert len(server.requests) == STRICT.retries + 1


async def test_a_pause_too_long_to_wait_for_is_reported_at_once(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    server.answers = [busy_for_an_hour]

    with pytest.raises(EngineBusy) as caught:
        await client.generate(ASK)

    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


async def test_a_server_that_never_answers_a_connection_is_unreachable(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    server.answers = [vanish]

    with pytest.raises(EngineUnreachable, match="closed the connection without an answer"):
        await client.generate(ASK)

    assert len(server.requests) == STRICT.retries + 1


async def test_a_pooled_connection_found_dead_is_replaced_unseen(
    server: MisbehavingServer,
) -> None:
    async def dead_when_used_again(exchange: Exchange) -> None:
        await (good if exchange.first_on_connection else vanish)(exchange)

    server.answers = [dead_when_used_again]
    async with OllamaClient(server.url, evolve(STRICT, retries=1)) as client:
        for _ in range(3):
            assert (await client.generate(ASK)).text == "yes"

    assert server.connections == 3


async def test_no_server_is_unreachable_and_says_how_to_start_one(
    server: MisbehavingServer,
) -> None:
    url = server.url
    await server.stop()
    async with OllamaClient(url, STRICT) as client:
        with pytest.raises(EngineUnreachable, match="`ollama serve`"):
            await client.version()


async def test_what_does_not_speak_http_is_unreachable(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    async def other_protocol(exchange: Exchange) -> None:
        await exchange.send(b"220 mail.example ESMTP\r\n")
        exchange.drop()

    server.answers = [other_protocol]

    with pytest.raises(EngineUnreachable):
        await client.version()


async def test_no_proxy_is_asked_about_this_machine(
    server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers = [good]
    async with OllamaClient(server.url, STRICT) as client:
        assert (await client.generate(ASK)).text == "yes"


async def test_half_a_character_is_refused_before_it_is_sent(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    with pytest.raises(RequestRefused, match="half a character"):
        await client.generate(GenerateRequest("m", "broken \ud83d text"))

    assert not server.requests


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:99999", "http://[::1", "http://host:port", "localhost:11434", ""]
)
def test_an_address_that_is_none_names_the_setting(address: str) -> None:
    with pytest.raises(RequestRefused, match=r"inference\.base_url"):
        OllamaClient(address, STRICT)


async def test_the_log_tells_of_each_request_and_never_of_its_text(
    server: MisbehavingServer, client: OllamaClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.reply(500, {"error": "no luck"})

    server.answers = [good, refuse]
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "refrain"):
        await client.generate(ASK)
        with pytest.raises(EngineFailed):
            await client.generate(ASK)

    ours = [r.getMessage() for r in caplog.records if r.name == "refrain.inference"]
    assert [("ok" in line, "engine_failed" in line) for line in ours] == [
        (True, False),
        (False, True),
    ]
    assert "private" not in caplog.text
