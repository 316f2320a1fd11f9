"""What the engine says of itself and its model, and how the model comes and goes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from refrain_sidecar.inference.embedded.catalogue import Catalogue
from refrain_sidecar.inference.embedded.llama import LONGEST_TOKEN
from refrain_sidecar.inference.models import installed
from refrain_sidecar.inference.models.manifest import manifest

MODEL = "smollm2:135m"


async def loaded(client: httpx.AsyncClient) -> list[Any]:
    """The models in memory."""
    reply = await client.get("/api/ps")
    return list(reply.json()["models"])


async def load(client: httpx.AsyncClient, **body: Any) -> Any:
    """A request without a prompt."""
    reply = await client.post("/api/generate", json={"model": MODEL, **body})
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_it_says_what_it_is(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).text == "Ollama is running"
    assert (await client.head("/")).status_code == 200
    version = (await client.get("/api/version")).json()
    assert version["version"]
    assert version["refrain"]["engine"] == "llama.cpp via xllamacpp"
    assert version["refrain"]["max_top_logprobs"] == 49152


async def test_tags_name_the_weights_by_their_digest(
    client: httpx.AsyncClient, data_dir: Path
) -> None:
    [model] = (await client.get("/api/tags")).json()["models"]
    weights = data_dir / "models" / manifest().weights.filename
    assert model["name"] == model["model"] == MODEL
    assert model["size"] == weights.stat().st_size
    with weights.open("rb") as file:
        assert model["digest"] == hashlib.file_digest(file, "sha256").hexdigest()
    assert model["details"]["format"] == "gguf"
    assert model["details"]["quantization_level"] == "Q4_1"


@pytest.mark.parametrize("key", ["model", "name"])
async def test_show(client: httpx.AsyncClient, key: str) -> None:
    shown = (await client.post("/api/show", json={key: MODEL})).json()
    assert shown["model_info"]["general.architecture"] == "llama"
    assert shown["model_info"]["llama.context_length"] == 8192
    assert shown["capabilities"] == ["completion"]
    assert "<|im_start|>" in shown["template"]


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat", "/api/show", "/api/embed"])
async def test_a_model_it_does_not_have(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.post(path, json={"model": "llama3.2:3b", "prompt": "x", "input": "x"})
    assert reply.status_code == 404
    assert reply.json() == {"error": "model 'llama3.2:3b' not found"}


async def test_names_as_ollama_reads_them(client: httpx.AsyncClient) -> None:
    for name in ("SmolLM2:135M", "library/smollm2:135m"):
        assert (await client.post("/api/show", json={"model": name})).status_code == 200
    assert (await client.post("/api/show", json={"model": "smollm2"})).status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"options": {"num_ctx": "big"}}, 'option "num_ctx" must be of type integer'),
        ({"options": {"num_ctx": 1}}, "num_ctx must be at least 4, num_thread at least 0"),
        ({"context": [49152]}, "context must be an array of integers from 0 to 49151"),
        ({"options": {"stop": [1]}}, 'option "stop" must be of an array of strings'),
        ({"top_logprobs": 49153}, "top_logprobs must be between 0 and 49152"),
        ({"raw": True, "system": "x"}, "raw mode does not support template, system, or context"),
        ({"think": True}, f'"{MODEL}" does not support thinking'),
        ({"images": ["eA=="]}, "this model does not support images"),
        ({"keep_alive": "soon"}, 'time: invalid duration "soon"'),
        ({"prompt": 3}, "prompt must be of type string, not int"),
        ({"model": ""}, "model is required"),
    ],
)
async def test_bad_requests(client: httpx.AsyncClient, body: dict[str, Any], said: str) -> None:
    reply = await client.post("/api/generate", json={"model": MODEL, "prompt": "x", **body})
    assert reply.status_code == 400
    assert reply.json() == {"error": said}


async def test_a_body_that_is_not_json(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/chat", content=b"")).json() == {"error": "missing request body"}
    assert (await client.post("/api/chat", content=b"{")).status_code == 400


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "path",
    [
        *("/api/generate", "/api/chat", "/api/embed", "/api/embeddings", "/api/show", "/api/pull"),
        *("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"),
        "/v1/messages",
    ],
)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(b'{"model": "smollm2:135m", "x": ' + DEEP + b"}", id="deep"),
        b'{"model": "smollm2:135m", "prompt": "\xff", "input": "\xff"}',
        b'{"model": "smollm2:135m", "prompt": "\xed\xa0\x80"}',
        b'{"model": "\\ud800", "prompt": "x"}',
        b'{"model": "smollm2:135m", "prompt": "\\ud83d", "messages": [{"content": "\\ude00"}]}',
        b'{"model": "smollm2:135m", "keep_alive": NaN}',
        b'{"model": "smollm2:135m", "keep_alive": -1e999}',
        b'{"model": "smollm2:135m", "keep_alive": ' + b"9" * 400 + b"}",
        b'[{"model": "smollm2:135m"}]',
        b'"smollm2:135m"',
        b"null",
    ],
)
async def test_a_body_nobody_can_read(client: httpx.AsyncClient, path: str, fault: bytes) -> None:
    reply = await client.post(path, content=fault)
    assert reply.status_code == 400, reply.text
    assert "error" in reply.json()


@pytest.mark.parametrize("keyword", ["prefixItems", "items", "anyOf"])
@pytest.mark.parametrize("depth", [100, 200, 400])
async def test_a_schema_too_deep(client: httpx.AsyncClient, keyword: str, depth: int) -> None:
    inner = {"items": '{"type": "array", "items": '}.get(keyword, f'{{"{keyword}": [')
    shape = inner * depth + '{"enum": [3.5]}' + ("}" if keyword == "items" else "]}") * depth
    body = f'{{"model": "{MODEL}", "prompt": "x", "options": {{"num_predict": 1}}, "format": '
    reply = await client.post("/api/generate", content=body + shape + ', "stream": false}')
    assert reply.status_code in (200, 400), reply.text


async def test_a_stay_of_centuries_is_for_ever(client: httpx.AsyncClient) -> None:
    await load(client, keep_alive="99999999999h")
    assert (await loaded(client))[0]["expires_at"] > "2200"


def test_no_token_stands_for_more_characters_than_the_engine_counts_with() -> None:
    found = installed()
    assert found is not None
    tokens = Catalogue.of(found).metadata["tokenizer.ggml.tokens"]
    assert max(map(len, tokens)) <= LONGEST_TOKEN


async def test_pull(client: httpx.AsyncClient) -> None:
    reply = await client.post("/api/pull", json={"model": MODEL})
    assert json.loads(reply.text.splitlines()[-1]) == {"status": "success"}
    reply = await client.post("/api/pull", json={"model": "other"})
    assert json.loads(reply.text.splitlines()[-1]) == {
        "error": "pull model manifest: file does not exist"
    }
    reply = await client.post("/api/pull", json={"model": "other", "stream": False})
    assert reply.status_code == 500


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("POST", "/api/push"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/blobs/sha256:0"),
    ],
)
async def test_the_model_stays_as_it_is(client: httpx.AsyncClient, method: str, path: str) -> None:
    reply = await client.request(method, path, json={"model": MODEL})
    assert reply.status_code == 400
    assert reply.json() == {"error": f"this engine has one model, {MODEL}, for good"}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (
            "/v1/chat/completions",
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}],
        ),
        ("/v1/responses", [{"type": "input_image", "image_url": "data:image/png;base64,eA=="}]),
        ("/v1/messages", [{"type": "image", "source": {"type": "base64", "data": "eA=="}}]),
    ],
)
async def test_a_picture_is_refused_by_every_api(
    client: httpx.AsyncClient, path: str, asked: Any
) -> None:
    said = [{"role": "user", "content": asked}]
    body = {"model": MODEL, "max_tokens": 1, "messages": said, "input": said}
    reply = await client.post(path, json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "this model does not support images"


async def test_a_request_without_a_prompt_loads_and_unloads(client: httpx.AsyncClient) -> None:
    assert (await load(client))["done_reason"] == "load"
    [model] = await loaded(client)
    assert (model["name"], model["context_length"]) == (MODEL, 1024)
    assert (await load(client, keep_alive=0))["done_reason"] == "unload"
    assert await loaded(client) == []
    reply = await client.post("/api/chat", json={"model": MODEL, "messages": []})
    assert reply.json()["done_reason"] == "load"
    assert await loaded(client) != []


async def test_keep_alive(client: httpx.AsyncClient) -> None:
    await load(client, keep_alive=-1)
    [model] = await loaded(client)
    assert model["expires_at"] > "2200"
    await load(client, keep_alive="50ms")
    with anyio.fail_after(60):
        while True:
            if not await loaded(client):
                break
            await anyio.sleep(0.02)


async def test_another_context_reloads_and_the_same_does_not(client: httpx.AsyncClient) -> None:
    await load(client, options={"num_ctx": 512})
    assert (await loaded(client))[0]["context_length"] == 512
    prefix = {"model": MODEL, "prompt": "One two three four five six", "raw": True, "stream": False}
    options = {"num_ctx": 512, "num_predict": 1, "temperature": 0}
    for _ in range(2):
        await client.post("/api/generate", json={**prefix, "options": options})
    [slot] = (await client.get("/slots")).json()
    assert slot["n_ctx"] == 512
    await load(client)
    assert (await loaded(client))[0]["context_length"] == 1024


async def test_embeddings(client: httpx.AsyncClient) -> None:
    texts = ["The cat sat on the mat.", "A cat is sitting on a mat.", "Quarterly tax returns."]
    reply = await client.post("/api/embed", json={"model": MODEL, "input": texts})
    cat, same, taxes = reply.json()["embeddings"]

    def likeness(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert len(cat) == 576
    assert likeness(cat, cat) == pytest.approx(1)
    assert likeness(cat, same) > likeness(cat, taxes)
    assert (await client.post("/api/embed", json={"model": MODEL, "input": 3})).status_code == 400
    reply = await client.post("/api/embed", json={"model": MODEL, "input": []})
    assert reply.json()["embeddings"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
    ],
)
async def test_requests_from_elsewhere_are_refused(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    reply = await client.get("/api/tags", headers=headers)
    assert (reply.status_code, reply.content) == (403, b"")
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    "headers",
    [{"Host": "localhost"}, {"Host": "[::1]:80"}, {"Origin": "http://localhost:3000"}],
)
async def test_requests_from_this_machine_are_answered(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await client.get("/api/tags", headers=headers)).status_code == 200
