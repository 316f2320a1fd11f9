"""Replies that begin and go wrong: each is one error, and nothing of it is used."""

from __future__ import annotations

import asyncio
import json

import pytest

from refrain_sidecar.inference.errors import (
    BrokenStream,
    EngineFailed,
    InferenceError,
    ModelMissing,
    TimedOut,
)
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import (
    ChatRequest,
    GenerateRequest,
    Message,
)

from .misbehaving import DONE, Answer, Exchange, MisbehavingServer

ASK = GenerateRequest("m", "hello")
PIECE = {"model": "m", "response": "half an ", "done": False}


async def good(exchange: Exchange) -> None:
    await exchange.stream(PIECE, {**PIECE, "response": "answer"}, DONE)


async def ends_without_done(exchange: Exchange) -> None:
    await exchange.stream(PIECE)


async def ends_without_anything(exchange: Exchange) -> None:
    await exchange.stream()


async def drops_after_a_line(exchange: Exchange) -> None:
    await exchange.stream_head()
    await exchange.line(PIECE)
    exchange.drop()


async def cuts_a_line(exchange: Exchange) -> None:
    await exchange.stream_head()
    await exchange.line(PIECE)
    await exchange.chunk(b'{"model": "m", "respon')
    await exchange.stream_end()


async def garbles_a_line(exchange: Exchange) -> None:
    await exchange.stream_head()
    await exchange.line(PIECE)
    await exchange.chunk(b"\xff\xfe!\n")
    await exchange.stream_end()


async def breaks_the_chunking(exchange: Exchange) -> None:
    await exchange.stream_head()
    await exchange.line(PIECE)
    await exchange.send(b"no chunk size\r\n")
    exchange.drop()


async def is_a_web_page(exchange: Exchange) -> None:
    await exchange.reply(200, b"<!doctype html><title>Something else</title>")


async def is_a_list(exchange: Exchange) -> None:
    await exchange.reply(200, b"[1, 2]")


async def has_another_shape(exchange: Exchange) -> None:
    await exchange.stream({"response": 7, "done": False}, DONE)


async def fails_in_mid_stream(exchange: Exchange) -> None:
    await exchange.stream(PIECE, {"error": "llama runner process has terminated"})


async def runs_out_of_memory(exchange: Exchange) -> None:
    await exchange.stream({"error": "model requires more system memory (9 GiB) than is available"})


async def loses_the_model(exchange: Exchange) -> None:
    await exchange.stream(PIECE, {"error": "model 'm' not found"})


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (ends_without_done, BrokenStream, "before the engine said it was done"),
        (ends_without_anything, BrokenStream, "before the engine said it was done"),
        (drops_after_a_line, BrokenStream, "broke off"),
        (cuts_a_line, BrokenStream, "a line was cut short"),
        (garbles_a_line, BrokenStream, "a line was cut short"),
        (breaks_the_chunking, BrokenStream, "broke off"),
        (is_a_web_page, BrokenStream, "check inference.base_url"),
        (is_a_list, BrokenStream, "check inference.base_url"),
        (has_another_shape, BrokenStream, "check inference.base_url"),
        (fails_in_mid_stream, EngineFailed, "llama runner process has terminated"),
        (runs_out_of_memory, EngineFailed, "lower inference.num_ctx"),
        (loses_the_model, ModelMissing, "`ollama pull m`"),
    ],
)
async def test_a_broken_reply_is_one_error_and_no_connection_leaks(
    server: MisbehavingServer,
    client: OllamaClient,
    answer: Answer,
    error: type[InferenceError],
    says: str,
) -> None:
    server.answers = [answer, good]

    with pytest.raises(error, match=says) as caught:
        await client.generate(ASK)

    assert type(caught.value) is error
    assert server.url in caught.value.message
    assert len(server.requests) == 1, "what already began is not asked for again"
    assert (await client.generate(ASK)).text == "half an answer"


async def test_a_chat_that_breaks_off_is_an_error_too(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.stream({"message": {"role": "assistant", "content": "half"}, "done": False})

    server.answers = [half]

    with pytest.raises(BrokenStream):
        await client.chat(ChatRequest("m", (Message("user", "hello"),)))


async def test_pieces_seen_before_the_break_come_before_the_error(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    server.answers = [drops_after_a_line]
    chunks = client.stream_generate(ASK)

    assert (await anext(chunks)).text == "half an "
    with pytest.raises(BrokenStream):
        await anext(chunks)


async def test_silence_before_the_first_token_names_its_limit(
    server: MisbehavingServer, impatient: OllamaClient
) -> None:
    server.answers = [Exchange.hang, good]

    with pytest.raises(TimedOut, match=r"networking\.first_token_timeout"):
        await impatient.generate(ASK)

    assert len(server.requests) == 1
    assert (await impatient.generate(ASK)).text == "half an answer"


async def test_silence_after_the_head_is_silence_before_the_first_token(
    server: MisbehavingServer, impatient: OllamaClient
) -> None:
    async def only_a_head(exchange: Exchange) -> None:
        await exchange.stream_head()
        await exchange.hang()

    server.answers = [only_a_head]

    with pytest.raises(TimedOut, match=r"first token within 1 s"):
        await impatient.generate(ASK)


async def test_silence_between_tokens_names_the_other_limit(
    server: MisbehavingServer, impatient: OllamaClient
) -> None:
    async def one_token(exchange: Exchange) -> None:
        await exchange.stream_head()
        await exchange.line(PIECE)
        await exchange.hang()

    server.answers = [one_token, good]

    with pytest.raises(
        TimedOut, match=r"no further token within 0\.5 s.*networking\.token_timeout"
    ):
        await impatient.generate(ASK)

    assert (await impatient.generate(ASK)).text == "half an answer"


async def test_bytes_that_never_end_a_line_are_silence(
    server: MisbehavingServer, impatient: OllamaClient
) -> None:
    async def dribble(exchange: Exchange) -> None:
        await exchange.stream_head()
        while True:
            await exchange.chunk(b" ")
            await asyncio.sleep(0.01)

    server.answers = [dribble]

    with pytest.raises(TimedOut, match="first token"):
        await impatient.generate(ASK)


async def test_cancelling_closes_the_connection(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    begun = asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.stream_head()
        await exchange.line(PIECE)
        begun.set()
        await exchange.hang()
        exchange.drop()

    server.answers = [endless, good]
    asking = asyncio.create_task(client.generate(ASK))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    await asyncio.wait_for(server.all_closed.wait(), 60)
    assert (await client.generate(ASK)).text == "half an answer"


async def test_stopping_to_listen_closes_the_connection(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.stream_head()
        await exchange.line(PIECE)
        await exchange.hang()
        exchange.drop()

    server.answers = [endless]
    chunks = client.stream_generate(ASK)
    assert (await anext(chunks)).text == "half an "
    await chunks.aclose()

    await asyncio.wait_for(server.all_closed.wait(), 60)


async def test_an_answer_that_is_done_counts_though_the_stream_is_held_open(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    async def never_ends(exchange: Exchange) -> None:
        await exchange.stream_head()
        await exchange.line(PIECE)
        await exchange.line(DONE)
        await exchange.hang()
        exchange.drop()

    server.answers = [never_ends, good]

    assert (await client.generate(ASK)).text == "half an "
    assert (await client.generate(ASK)).text == "half an answer"


async def test_a_connection_serves_again_after_a_stream(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    server.answers = [good]

    for _ in range(3):
        await client.generate(ASK)

    assert server.connections == 1


async def test_characters_split_between_packets_and_line_separators_inside_text(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    text = "grüße\u2028\u2029\x85 🙂"
    line = json.dumps({**PIECE, "response": text}, ensure_ascii=False).encode() + b"\n"

    async def byte_by_byte(exchange: Exchange) -> None:
        await exchange.stream_head()
        for place in range(len(line)):
            await exchange.chunk(line[place : place + 1])
        await exchange.line(DONE)
        await exchange.stream_end()

    server.answers = [byte_by_byte]

    assert (await client.generate(ASK)).text == text


async def test_a_last_line_without_its_line_end_counts(
    server: MisbehavingServer, client: OllamaClient
) -> None:
    async def no_line_end(exchange: Exchange) -> None:
        await exchange.reply(200, json.dumps({**DONE, "response": "all of it"}).encode())

    server.answers = [no_line_end]

    assert (await client.generate(ASK)).text == "all of it"


async def test_other_options_that_reload_the_model_are_warned_of_once_each(
    server: MisbehavingServer, client: OllamaClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [good]

    for num_ctx, temperature in [(2048, 0.1), (2048, 0.9), (4096, 0.9), (4096, 0.9)]:
        options = {"num_ctx": num_ctx, "temperature": temperature}
        await client.generate(GenerateRequest("m", "hello", options=options))

    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "m is loaded anew" in warnings[0]
    assert "num_ctx 2048 → 4096" in warnings[0]
