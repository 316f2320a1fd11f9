"""What a client hears when something goes wrong that nobody foresaw."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from refrain_sidecar.inference.embedded.anthropic import Messages
from refrain_sidecar.inference.embedded.app import application
from refrain_sidecar.inference.embedded.failures import EngineFailure
from refrain_sidecar.inference.embedded.generation import Piece
from refrain_sidecar.inference.embedded.llama import Loading
from refrain_sidecar.inference.embedded.openai import ChatCompletions
from refrain_sidecar.inference.embedded.replies import LinesReply
from refrain_sidecar.inference.embedded.residency import Residency
from refrain_sidecar.inference.embedded.responses import Responses
from refrain_sidecar.inference.embedded.shapes import chat_line
from refrain_sidecar.inference.embedded.wording import Lines, Wording


async def test_an_unforeseen_error_is_told_in_ollamas_form() -> None:
    class Broken:
        def tags(self) -> Any:
            raise ZeroDivisionError

    residency = Residency(Path("none"))
    app = application(cast(Any, Broken()), residency, Loading(512, 1), key=None)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        reply = await client.get("/api/tags")
    assert reply.status_code == 500
    assert reply.json() == {"error": "the embedded engine failed: ZeroDivisionError()"}


SAID = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("path", "wording", "last"),
    [
        ("/api/chat", Wording(SAID), '{"error":"broken"}'),
        (
            "/v1/chat/completions",
            ChatCompletions(SAID),
            'data: {"error":{"message":"broken","type":"api_error","param":null,"code":null}}',
        ),
        (
            "/v1/responses",
            Responses(SAID),
            'data: {"error":{"message":"broken","type":"api_error","param":null,"code":null}}',
        ),
        (
            "/v1/messages",
            Messages(SAID),
            'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"broken"}',
        ),
    ],
)
async def test_a_stream_that_breaks_says_so_in_the_form_of_its_api(
    path: str, wording: Wording, last: str
) -> None:
    async def lines() -> Lines:
        yield chat_line("m", Piece("Hello", ()))
        raise EngineFailure(500, "broken")

    transport = httpx.ASGITransport(LinesReply(wording, lines()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        reply = await client.post(path)
    assert reply.status_code == 200
    assert "Hello" in reply.text
    assert reply.text.rstrip().rpartition("Hello")[2].partition("\n")[2].strip().startswith(last)
