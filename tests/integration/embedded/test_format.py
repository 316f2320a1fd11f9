"""`format`: the model can only write what the schema allows, in its order, without blanks."""

from __future__ import annotations

import json
from typing import Any

import fastjsonschema
import httpx
import pytest

MODEL = "smollm2:135m"
FEELING = {
    "type": "object",
    "properties": {
        "zest": {"type": "integer"},
        "feeling": {"enum": ["happy", 'a "quoted" word', "traurig – ü"]},
        "event": {"type": "string", "maxLength": 20},
        "notes": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 2},
        "again": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    },
    "required": ["zest", "feeling", "event", "notes", "again"],
}
PATTERN = {
    "type": "object",
    "properties": {"code": {"type": "string", "pattern": "^[a-c]{3}$"}},
    "required": ["code"],
}


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> str:
    """The text generated."""
    options = {"temperature": 0.8, "seed": 3, "num_predict": 200}
    reply = await client.post(
        path, json={"model": MODEL, "stream": False, "options": options, **body}
    )
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert answer["done_reason"] == "stop"
    return str(answer["message"]["content"] if path == "/api/chat" else answer["response"])


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
async def test_an_answer_is_valid_minified_and_in_order(
    client: httpx.AsyncClient, path: str
) -> None:
    asked = "I missed the train. What do I feel? Answer in JSON."
    body = {"prompt": asked, "messages": [{"role": "user", "content": asked}]}
    text = await made(client, path, format=FEELING, **body)
    answer = json.loads(text)
    fastjsonschema.validate(FEELING, answer)
    assert list(answer) == list(FEELING["properties"])
    assert text == json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


async def test_blanks_come_back_on_request(client: httpx.AsyncClient) -> None:
    prompt = 'Pretty JSON, indented:\n{\n  "zest": 3,\n'
    text = await made(client, "/api/generate", prompt=prompt, format=FEELING, free_blanks=True)
    answer = json.loads(text)
    fastjsonschema.validate(FEELING, answer)
    assert text != json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


async def test_the_word_json_gives_an_object(client: httpx.AsyncClient) -> None:
    text = await made(client, "/api/generate", prompt='Answer {"a": 1} and no more.', format="json")
    assert isinstance(json.loads(text), dict)


async def test_a_pattern(client: httpx.AsyncClient) -> None:
    text = await made(client, "/api/generate", prompt="A code, please.", format=PATTERN)
    fastjsonschema.validate(PATTERN, json.loads(text))


async def test_a_schema_nobody_understands(client: httpx.AsyncClient) -> None:
    reply = await client.post(
        "/api/generate",
        json={"model": MODEL, "prompt": "x", "stream": False, "format": {"type": "colour"}},
    )
    assert reply.status_code == 400
    assert "invalid JSON schema in format" in reply.json()["error"]


async def test_a_schema_that_cannot_be_enforced_is_never_passed_over(
    client: httpx.AsyncClient,
) -> None:
    # llama.cpp knows no look-behind: it logs that, and would generate freely.
    schema = {"type": "string", "pattern": "^(?<=a)b$"}
    reply = await client.post(
        "/api/generate",
        json={
            "model": MODEL,
            "prompt": "Say yes.",
            "stream": False,
            "format": schema,
            "options": {"stop": ["."], "temperature": 0},
        },
    )
    assert reply.status_code == 500
    assert "does not follow the schema" in reply.json()["error"]
