"""What the project relies on in Ollama's API, seen in a real one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.ollama.serving import MODEL, RealOllama

from refrain_sidecar.config.settings import NetworkingSettings
from refrain_sidecar.inference.models.manifest import manifest
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import GenerateRequest
from refrain_sidecar.inference.reaching.names import find

TEXT = "My dog died this morning and the house is so quiet."
MESSAGES = [
    {"role": "system", "content": "You name the feeling of a short text with one word."},
    {"role": "user", "content": TEXT},
]
PREFILL = "The writer is feeling very"
# How SmolLM2 goes on after it.
FEELINGS = {" sad", " lonely", " upset", " anxious", " lost"}
# A template that leaves a beginning open.
LEFT_OPEN = "{{ .Prompt }}{{ .Response }}"
# The penalty on repeated tokens would pass some over without a trace in the log-probabilities.
# One thread, because Ollama's own spin: beside other work two take twenty times as long as one.
# All requests say the same, for the model is loaded anew when the threads change.
OPTIONS = {"temperature": 0, "repeat_penalty": 1, "num_thread": 1, "num_predict": 1}


@pytest.fixture
async def http(ollama: RealOllama) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=ollama.base_url, timeout=120, trust_env=False) as client:
        yield client


@pytest.fixture
async def client(ollama: RealOllama) -> AsyncIterator[OllamaClient]:
    async with OllamaClient(ollama.base_url, NetworkingSettings()) as client:
        yield client


async def answer(http: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    reply = await http.post(
        path, json={"model": MODEL, "stream": False, "options": OPTIONS, **body}
    )
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def rendered(http: httpx.AsyncClient, messages: list[dict[str, str]]) -> str:
    said = await answer(http, "/api/chat", messages=messages, _debug_render_only=True)
    return str(said["_debug_info"]["rendered_template"])


def likeliest(said: dict[str, Any]) -> dict[str, float]:
    """The alternatives to the first token and their log-probabilities, the likeliest first."""
    return {one["token"]: one["logprob"] for one in said["logprobs"][0]["top_logprobs"]}


@pytest.mark.parametrize(
    ("path", "asked"), [("/api/chat", {"messages": MESSAGES}), ("/api/generate", {"prompt": TEXT})]
)
async def test_a_prompt_is_rendered_and_nothing_generated(
    http: httpx.AsyncClient, path: str, asked: dict[str, Any]
) -> None:
    said = await answer(http, path, **asked, _debug_render_only=True)

    prompt = said["_debug_info"]["rendered_template"]
    assert prompt.endswith(f"<|im_start|>user\n{TEXT}<|im_end|>\n<|im_start|>assistant\n")
    assert not said["done"]
    assert "eval_count" not in said
    assert "prompt_eval_count" not in said


async def test_the_rendered_prompt_sent_raw_is_what_the_chat_asks(http: httpx.AsyncClient) -> None:
    logprobs = {"logprobs": True, "top_logprobs": 20}
    chat = await answer(http, "/api/chat", messages=MESSAGES, **logprobs)
    prompt = await rendered(http, MESSAGES)
    raw = await answer(http, "/api/generate", prompt=prompt, raw=True, **logprobs)

    assert raw["prompt_eval_count"] == chat["prompt_eval_count"]
    # Not to the last digit: what is reused of the prompt before changes how sums are ordered.
    for token, logprob in list(likeliest(raw).items())[:5]:
        assert likeliest(chat)[token] == pytest.approx(logprob, abs=0.1)


async def test_a_beginning_is_continued_raw_but_not_in_a_chat(http: httpx.AsyncClient) -> None:
    logprobs = {"logprobs": True, "top_logprobs": 20}
    begun = [*MESSAGES, {"role": "assistant", "content": PREFILL}]
    prompt = await rendered(http, MESSAGES) + PREFILL

    raw = await answer(http, "/api/generate", prompt=prompt, raw=True, **logprobs)
    chat = await answer(http, "/api/chat", messages=begun, **logprobs)

    assert FEELINGS & likeliest(raw).keys()
    assert not FEELINGS & likeliest(chat).keys()
    # That is so because the template closes the beginning; so it can be seen beforehand.
    assert not (await rendered(http, begun)).endswith(PREFILL)


async def test_a_raw_answer_brings_log_probabilities(client: OllamaClient) -> None:
    request = GenerateRequest(
        MODEL, PREFILL, raw=True, options={**OPTIONS, "num_predict": 3}, top_logprobs=20
    )
    said = await client.generate(request)

    assert said.text == "".join(token.token for token in said.logprobs)
    assert len(said.logprobs) == said.tokens == 3
    for token in said.logprobs:
        assert len(token.top) == 20
        assert sorted(token.top, key=lambda pair: -pair[1]) == list(token.top)
        assert token.top[0] == (token.token, token.logprob), "at temperature 0 the likeliest"


@pytest.mark.parametrize(
    ("path", "asked"), [("/api/chat", {"messages": MESSAGES}), ("/api/generate", {"prompt": TEXT})]
)
async def test_twenty_alternatives_are_the_most(
    http: httpx.AsyncClient, path: str, asked: dict[str, Any]
) -> None:
    body = {"model": MODEL, "stream": False, "options": OPTIONS, "logprobs": True, **asked}
    most = await http.post(path, json={**body, "top_logprobs": 20})
    more = await http.post(path, json={**body, "top_logprobs": 21})

    assert len(likeliest(most.json())) == 20
    assert more.status_code == 400
    assert "top_logprobs" in more.json()["error"]


async def test_log_probabilities_are_those_before_the_format_binds(
    http: httpx.AsyncClient,
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    said = await answer(
        http, "/api/generate", prompt=TEXT, format=schema, logprobs=True, top_logprobs=20
    )
    first = said["logprobs"][0]
    assert first["token"].lstrip().startswith("{")
    assert first["logprob"] < first["top_logprobs"][0]["logprob"], "it was not the likeliest"


async def test_a_stream_ends_with_done(http: httpx.AsyncClient) -> None:
    body = {"model": MODEL, "messages": MESSAGES, "options": {**OPTIONS, "num_predict": 5}}
    async with http.stream("POST", "/api/chat", json=body) as reply:
        assert reply.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) async for line in reply.aiter_lines()]

    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert len(lines) > 2, "it comes in pieces"
    assert lines[-1]["done_reason"] == "length"
    assert lines[-1]["eval_count"] == 5


async def test_the_weights_show_in_the_modelfile_and_not_in_the_models_digest(
    ollama: RealOllama, client: OllamaClient
) -> None:
    tag = find(await client.tags(), MODEL)
    shown = await client.show(MODEL)

    name, _, label = MODEL.partition(":")
    kept = ollama.home / "models/manifests/registry.ollama.ai/library" / name / label
    assert tag is not None
    assert tag.digest == hashlib.sha256(kept.read_bytes()).hexdigest()
    assert re.findall(r"^FROM .*sha256-([0-9a-f]{64})$", shown["modelfile"], re.M) == [
        manifest().weights.sha256
    ]


async def test_the_same_weights_with_another_template_are_another_model(
    ollama: RealOllama, http: httpx.AsyncClient
) -> None:
    ollama.create("begun", f"FROM {MODEL}\nTEMPLATE {LEFT_OPEN}\n")
    try:
        begun = [MESSAGES[1], {"role": "assistant", "content": PREFILL}]
        said = await answer(
            http, "/api/chat", model="begun", messages=begun, _debug_render_only=True
        )
        tags = {tag["name"]: tag for tag in (await http.get("/api/tags")).json()["models"]}
        shown = (await http.post("/api/show", json={"model": "begun"})).json()["modelfile"]
    finally:
        ollama.remove("begun")

    assert said["_debug_info"]["rendered_template"] == TEXT + PREFILL
    assert tags["begun:latest"]["digest"] != tags[MODEL]["digest"]
    assert f"sha256-{manifest().weights.sha256}" in shown
