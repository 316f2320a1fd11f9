"""/api/generate and /api/chat, in Ollama's shapes, from the real model."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

MODEL = "smollm2:135m"
CERTAIN = {"temperature": 0, "num_predict": 12}
FINAL = {
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
}


async def ask(client: httpx.AsyncClient, path: str = "/api/generate", **body: Any) -> Any:
    """The whole answer, which must be a good one."""
    reply = await client.post(path, json={"model": MODEL, "stream": False, **body})
    assert reply.status_code == 200, reply.text
    return reply.json()


async def lines(client: httpx.AsyncClient, path: str, **body: Any) -> list[Any]:
    """The lines of a streamed answer."""
    async with client.stream("POST", path, json={"model": MODEL, **body}) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) async for line in reply.aiter_lines()]


async def test_a_stream_and_a_whole_answer_say_the_same(client: httpx.AsyncClient) -> None:
    whole = await ask(client, prompt="Say hello.", options=CERTAIN)
    assert whole["response"]
    assert whole["done"] is True
    assert whole["done_reason"] == "length"
    assert whole.keys() >= FINAL
    assert whole["eval_count"] == CERTAIN["num_predict"]
    assert all(isinstance(whole[name], int) for name in FINAL)
    streamed = await lines(client, "/api/generate", prompt="Say hello.", options=CERTAIN)
    assert "".join(line["response"] for line in streamed) == whole["response"]
    assert [line["done"] for line in streamed] == [False] * (len(streamed) - 1) + [True]
    assert all(line.keys() == {"model", "created_at", "response", "done"} for line in streamed[:-1])
    assert streamed[-1].keys() == whole.keys()
    assert streamed[-1]["context"] == whole["context"]


async def test_line_separators_in_a_prompt_do_not_break_the_answer(
    client: httpx.AsyncClient,
) -> None:
    prompt = "one\u2028two\u2029three\x85four\x0bfive\x0csix\x1cseven"
    assert (await ask(client, prompt=prompt, options=CERTAIN))["done"] is True


async def test_the_system_prompt_reaches_the_model(client: httpx.AsyncClient) -> None:
    plain = await ask(client, prompt="Who are you?", options=CERTAIN)
    other = await ask(client, prompt="Who are you?", system="You are a pirate.", options=CERTAIN)
    assert other["prompt_eval_count"] < plain["prompt_eval_count"]
    assert other["response"] != plain["response"]


async def test_raw_is_sent_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await ask(client, prompt="The capital of France is", raw=True, options=CERTAIN)
    assert answer["prompt_eval_count"] == 5
    assert "Paris" in answer["response"]
    assert "context" not in answer


async def test_context_continues_a_conversation(client: httpx.AsyncClient) -> None:
    first = await ask(client, prompt="My name is Ada.", options=CERTAIN)
    second = await ask(client, prompt="And now?", context=first["context"], options=CERTAIN)
    assert second["prompt_eval_count"] > len(first["context"])


async def test_the_same_seed_gives_the_same_text(client: httpx.AsyncClient) -> None:
    options = {"temperature": 0.9, "seed": 5, "num_predict": 12}
    texts = {
        (await ask(client, prompt="Tell a story.", options=options))["response"] for _ in range(2)
    }
    other = await ask(client, prompt="Tell a story.", options={**options, "seed": 6})
    assert len(texts) == 1
    assert other["response"] not in texts


async def test_stop_sequences_end_the_text(client: httpx.AsyncClient) -> None:
    answer = await ask(
        client,
        prompt="Count: one, two, three,",
        raw=True,
        options={"temperature": 0, "num_predict": 60, "stop": [","]},
    )
    assert answer["done_reason"] == "stop"
    assert "," not in answer["response"]


async def test_chat(client: httpx.AsyncClient) -> None:
    messages = [{"role": "user", "content": "Say hello."}]
    whole = await ask(client, "/api/chat", messages=messages, options=CERTAIN)
    assert whole["message"]["role"] == "assistant"
    assert whole["message"]["content"]
    assert whole.keys() >= FINAL
    streamed = await lines(client, "/api/chat", messages=messages, options=CERTAIN)
    said = "".join(line["message"]["content"] for line in streamed)
    assert said == whole["message"]["content"]
    assert all({"model", "message", "done"} <= line.keys() for line in streamed)


async def test_a_last_assistant_message_is_continued(client: httpx.AsyncClient) -> None:
    answer = await ask(
        client,
        "/api/chat",
        messages=[
            {"role": "user", "content": "What is the capital of France?"},
            {"role": "assistant", "content": "The capital of France is"},
        ],
        options={"temperature": 0, "num_predict": 3},
    )
    assert answer["message"]["content"].startswith(" Paris")


@pytest.mark.parametrize("top", [0, 3, 25])
async def test_log_probabilities(client: httpx.AsyncClient, top: int) -> None:
    options = {"temperature": 0, "num_predict": 4}
    body: dict[str, Any] = {"prompt": "The sky is", "raw": True, "logprobs": True}
    body["top_logprobs"] = top
    whole = await ask(client, **body, options=options)
    assert "".join(entry["token"] for entry in whole["logprobs"]) == whole["response"]
    for entry in whole["logprobs"]:
        assert entry["logprob"] < 0
        assert len(entry.get("top_logprobs", [])) == top
        if top:
            best = entry["top_logprobs"][0]
            assert (best["token"], best["logprob"]) == (entry["token"], entry["logprob"])
    streamed = await lines(client, "/api/generate", **body, options=options)
    assert [e for line in streamed for e in line.get("logprobs", [])] == whole["logprobs"]


async def test_log_probabilities_do_not_depend_on_the_temperature(
    client: httpx.AsyncClient,
) -> None:
    body: dict[str, Any] = {"prompt": "The sky is", "raw": True, "logprobs": True}
    body["top_logprobs"] = 5
    cold, hot = [
        await ask(client, **body, options={"temperature": t, "seed": 1, "num_predict": 1})
        for t in (0, 1.5)
    ]
    assert cold["logprobs"][0]["top_logprobs"] == hot["logprobs"][0]["top_logprobs"]


async def test_scores_of_given_words_are_those_of_the_whole_vocabulary(
    client: httpx.AsyncClient,
) -> None:
    body: dict[str, Any] = {"prompt": "I lost my dog. I feel", "raw": True, "logprobs": True}
    options = {"num_predict": 1}
    everything = await ask(client, **body, top_logprobs=49152, options=options)
    table = {e["token"]: e["logprob"] for e in everything["logprobs"][0]["top_logprobs"]}
    words = [" sad", " happy", " lonely", " purple", " the"]
    scored = await ask(client, **body, logprob_tokens=words, options=options)
    assert scored["response"] == ""
    entries = scored["logprobs"][0]["top_logprobs"]
    assert [entry["token"] for entry in entries] == words
    for entry in entries:
        # A prompt read in other batches is summed up in another order.
        assert entry["logprob"] == pytest.approx(table[entry["token"]], abs=0.25)


async def test_a_prompt_longer_than_the_context(client: httpx.AsyncClient) -> None:
    prompt = "one two three " * 170
    options = {"num_ctx": 512, "num_predict": 1}
    body = {"model": MODEL, "prompt": prompt, "truncate": False, "options": options}
    refused = await client.post("/api/generate", json=body)
    assert refused.status_code == 400
    assert refused.json() == {"error": "the input length exceeds the context length"}
    cut = await ask(client, prompt=prompt, options=options)
    assert cut["prompt_eval_count"] < 512
