"""The embedded engine beside a real Ollama with the same weights: what one says, the other does."""

from __future__ import annotations

import base64
import json
import os
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from tests.ollama.serving import MODEL, RealOllama

from refrain_sidecar.inference.embedded.process import KEY_VARIABLE

SYSTEM = "You are a helpful AI assistant."
USER = "What is the capital of France?"
# With a system message both write the same prompt, so that greedy answers are the same.
KEY = "a key of these tests' own"
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
GREEDY = {"model": MODEL, "temperature": 0, "seed": 1, "max_tokens": 4}
RESPOND = {"model": MODEL, "temperature": 0, "max_output_tokens": 4, "instructions": SYSTEM}
MESSAGE = {"model": MODEL, "temperature": 0, "max_tokens": 4, "system": SYSTEM}
SAID = [{"role": "user", "content": USER}]
SCHEMA = {"type": "object", "properties": {"a": {"enum": [7]}}, "required": ["a"]}
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}

# What differs from one answer to the next, or from one engine to the other (numbers with a
# fraction are log-probabilities).
VOLATILE = {
    *("id", "item_id", "request_id", "created", "created_at", "completed_at", "message_id"),
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
}
Asked = dict[str, Any]


@pytest.fixture(scope="module")
def embedded() -> Iterator[str]:
    """The address of an embedded engine."""
    command = [sys.executable, "-m", "refrain_sidecar.inference.embedded"]
    with subprocess.Popen(
        [*command, "--threads", "1", "--ctx", "1024", "--parent", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, KEY_VARIABLE: KEY},
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())["base_url"]
        child.stdin.close()


@pytest.fixture
async def real(ollama: RealOllama) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=ollama.base_url, timeout=120, trust_env=False) as client:
        yield client


@pytest.fixture
async def ours(embedded: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(
        base_url=embedded, headers=headers, timeout=120, trust_env=False
    ) as client:
        yield client


def masked(value: Any, key: str = "") -> Any:
    """`value` without what differs from answer to answer, but for its type."""
    if isinstance(value, dict):
        return {name: masked(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [masked(part) for part in value]
    if key in VOLATILE or (isinstance(value, float) and not value.is_integer()):
        return type(value).__name__
    return value


def frames(text: str) -> list[tuple[str, Any]]:
    """The events of a stream: name ("" if none) and data."""
    made = []
    for frame in text.removesuffix("\n\n").split("\n\n"):
        *name, data = frame.split("\n")
        said = data.removeprefix("data: ")
        assert said != data, frame
        made.append(("".join(name), said if said == "[DONE]" else masked(json.loads(said))))
    return made


def kind(reply: httpx.Response) -> str:
    return reply.headers["content-type"].partition(";")[0]


async def both(
    ours: httpx.AsyncClient, real: httpx.AsyncClient, path: str, asked: Asked | None
) -> tuple[httpx.Response, httpx.Response]:
    """What each answers, by the same status and content type."""
    method = "GET" if asked is None else "POST"
    replies = [await client.request(method, path, json=asked) for client in (ours, real)]
    ours_said, real_said = replies
    assert ours_said.status_code == real_said.status_code, (ours_said.text, real_said.text)
    assert kind(ours_said) == kind(real_said)
    return ours_said, real_said


WHOLE: list[tuple[str, Asked | None]] = [
    ("/v1/models", None),
    (f"/v1/models/{MODEL}", None),
    ("/api/chat", {"model": MODEL, "messages": []}),
    ("/api/generate", {"model": MODEL, "prompt": ""}),
    ("/api/embeddings", {"model": MODEL, "prompt": ""}),
    ("/v1/chat/completions", {**GREEDY, "messages": MESSAGES}),
    (
        "/v1/chat/completions",
        {**GREEDY, "messages": MESSAGES, "logprobs": True, "top_logprobs": 1, "stream": None},
    ),
    ("/v1/chat/completions", {**GREEDY, "messages": MESSAGES, "max_tokens": 20, "stop": " of"}),
    ("/v1/completions", {"model": MODEL, "prompt": ""}),
    ("/v1/responses", {**RESPOND, "input": USER}),
    ("/v1/responses", {"model": MODEL}),
    (
        "/v1/responses",
        {
            **RESPOND,
            "max_output_tokens": 1,
            "input": [
                {"role": "user", "content": "Say 9."},
                {"type": "reasoning", "summary": []},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "9"},
                {"role": "user", "content": [{"type": "input_text", "text": USER}]},
            ],
        },
    ),
    ("/v1/messages", {**MESSAGE, "messages": SAID}),
    ("/v1/messages", {**MESSAGE, "messages": SAID, "thinking": {"type": "enabled"}}),
    (
        "/v1/messages",
        {
            **MESSAGE,
            "system": [{"type": "text", "text": SYSTEM}],
            "max_tokens": 20,
            "stop_sequences": [" of"],
            "messages": [{"role": "user", "content": [{"type": "text", "text": USER}]}],
        },
    ),
]


@pytest.mark.parametrize(("path", "asked"), WHOLE)
async def test_a_whole_answer_is_the_same(
    ours: httpx.AsyncClient, real: httpx.AsyncClient, path: str, asked: Asked | None
) -> None:
    said, there = await both(ours, real, path, asked)
    assert said.status_code == 200, said.text
    assert masked(said.json()) == masked(there.json())


STREAMED: list[tuple[str, Asked]] = [
    ("/v1/chat/completions", {**GREEDY, "messages": MESSAGES}),
    (
        "/v1/chat/completions",
        {
            **GREEDY,
            "messages": MESSAGES,
            "stream_options": {"include_usage": True},
            "logprobs": True,
            "top_logprobs": 1,
        },
    ),
    ("/v1/completions", {"model": MODEL, "prompt": ""}),
    ("/v1/responses", {**RESPOND, "input": USER}),
    ("/v1/messages", {**MESSAGE, "messages": SAID}),
]


@pytest.mark.parametrize(("path", "asked"), STREAMED)
async def test_a_stream_is_the_same(
    ours: httpx.AsyncClient, real: httpx.AsyncClient, path: str, asked: Asked
) -> None:
    said, there = await both(ours, real, path, {**asked, "stream": True})
    assert said.status_code == 200, said.text
    assert frames(said.text) == frames(there.text)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("include_usage", [False, True])
async def test_a_text_completion_has_the_same_fields(
    ours: httpx.AsyncClient, real: httpx.AsyncClient, stream: bool, include_usage: bool
) -> None:
    """Without a system message the model's own template, which is ours, adds one."""
    asked = {**GREEDY, "prompt": USER, "stream": stream}
    if stream:
        asked["stream_options"] = {"include_usage": include_usage}
    said, there = await both(ours, real, "/v1/completions", asked)

    def fields(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: fields(part) for name, part in value.items()}
        return [fields(part) for part in value] if isinstance(value, list) else type(value)

    if not stream:
        assert fields(said.json()) == fields(there.json())
        return
    assert [fields(frame) for _, frame in frames(said.text)] == [
        fields(frame) for _, frame in frames(there.text)
    ]


async def test_vectors_are_the_same(ours: httpx.AsyncClient, real: httpx.AsyncClient) -> None:
    """Of single tokens: of longer texts Ollama gives the last one's vector, we their mean."""
    asked: Asked = {"model": MODEL, "prompt": "cat"}
    said, there = await both(ours, real, "/api/embeddings", asked)
    assert said.json()["embedding"] == pytest.approx(there.json()["embedding"], abs=0.01)

    asked = {"model": MODEL, "input": ["cat", "dog"], "dimensions": 8}
    said, there = await both(ours, real, "/v1/embeddings", asked)
    assert masked(said.json()) == masked(there.json())
    plain = [one["embedding"] for one in said.json()["data"]]
    assert plain[0] == pytest.approx(there.json()["data"][0]["embedding"], abs=0.01)

    said, there = await both(ours, real, "/v1/embeddings", {**asked, "encoding_format": "base64"})
    for reply in (said, there):
        packed = [base64.b64decode(one["embedding"]) for one in reply.json()["data"]]
        assert [list(struct.unpack("<8f", one)) for one in packed] == [
            pytest.approx(vector, abs=0.01) for vector in plain
        ]


REFUSED: list[tuple[str, Asked | None]] = [
    ("/v1/models/nope", None),
    ("/v1/chat/completions", {"model": "nope", "messages": SAID, "stream": True}),
    ("/v1/chat/completions", {"model": MODEL, "messages": []}),
    ("/v1/chat/completions", {"messages": SAID}),
    ("/v1/chat/completions", {"model": MODEL, "messages": SAID, "stream": 3}),
    ("/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": 3}]}),
    ("/v1/chat/completions", {"model": MODEL, "messages": SAID, "reasoning_effort": "low"}),
    (
        "/v1/chat/completions",
        {**GREEDY, "messages": SAID, "tools": [{"type": "function", "function": TOOL}]},
    ),
    ("/v1/completions", {**GREEDY, "prompt": USER, "suffix": "x"}),
    ("/v1/completions", {**GREEDY, "prompt": [USER]}),
    ("/v1/completions", {**GREEDY, "prompt": USER, "stop": [3]}),
    ("/v1/embeddings", {"model": "nope", "input": "x"}),
    ("/v1/embeddings", {"model": MODEL, "input": []}),
    ("/v1/embeddings", {"model": MODEL, "input": [1]}),
    ("/v1/embeddings", {"model": MODEL, "input": "x", "encoding_format": "z"}),
    ("/v1/responses", {"model": "nope", "input": "x", "stream": True}),
    ("/v1/responses", {"model": MODEL, "input": 3}),
    ("/v1/responses", {"model": MODEL, "input": [{"type": "odd"}]}),
    ("/v1/responses", {"model": MODEL, "input": "x", "tools": [{"type": "function", **TOOL}]}),
    ("/v1/responses", {"model": MODEL, "input": "x", "reasoning": {"effort": "low"}}),
    ("/v1/messages", {"model": "nope", "max_tokens": 1, "messages": SAID, "stream": True}),
    ("/v1/messages", {"model": MODEL, "messages": SAID}),
    ("/v1/messages", {"max_tokens": 1, "messages": SAID}),
    ("/v1/messages", {"model": MODEL, "max_tokens": 1, "messages": []}),
    (
        "/v1/messages",
        {**MESSAGE, "messages": SAID, "tools": [{"name": "f", "input_schema": {"type": "object"}}]},
    ),
    ("/api/embeddings", {"model": "nope", "prompt": "x"}),
    ("/api/embeddings", {"prompt": "x"}),
    ("/api/generate", {"model": MODEL, "prompt": "x", "suffix": "y"}),
    ("/api/nowhere", {}),
    ("/api/generate", None),
]


@pytest.mark.parametrize(("path", "asked"), REFUSED)
async def test_a_refusal_has_the_same_form(
    ours: httpx.AsyncClient, real: httpx.AsyncClient, path: str, asked: Asked | None
) -> None:
    """The words may be others: Ollama's name Go's types."""
    said, there = await both(ours, real, path, asked)
    assert said.status_code >= 400
    if kind(said) != "application/json":
        assert said.text == there.text
        return

    def form(reply: httpx.Response) -> Any:
        body = masked(reply.json())
        told = body["error"]
        return {**body, "error": {**told, "message": ""} if isinstance(told, dict) else ""}

    assert form(said) == form(there)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (
            "/v1/chat/completions",
            {
                **GREEDY,
                "messages": MESSAGES,
                "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
            },
        ),
        (
            "/v1/responses",
            {
                **RESPOND,
                "input": USER,
                "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
            },
        ),
    ],
)
async def test_an_answer_under_a_schema(
    ours: httpx.AsyncClient, real: httpx.AsyncClient, path: str, asked: Asked
) -> None:
    limit = "max_tokens" if path == "/v1/chat/completions" else "max_output_tokens"
    for reply in await both(ours, real, path, {**asked, limit: 40}):
        said = reply.json()
        text = (
            said["choices"][0]["message"]["content"]
            if "choices" in said
            else said["output"][0]["content"][0]["text"]
        )
        assert json.loads(text) == {"a": 7}
        if "text" in said:
            assert said["text"] == asked["text"]
