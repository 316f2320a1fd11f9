"""Every endpoint and mode through the proxy, over real engines: byte for byte what they sent."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.ollama.serving import MODEL, RealOllama
from tests.serve.proxied import proxied
from tests.serve.upstreams import relay

SAID = [{"role": "user", "content": "Say hi."}]
TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# 1,000 for a long night.
CHUNKS = int(os.environ.get("REFRAIN_EMBED_CHUNKS", "40"))
NEW_CHUNKS = 10
COLD = {"temperature": 0, "num_predict": 5}


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """60 requests over all endpoints, modes and features."""
    for stream in (True, False):
        native: dict[str, Any] = {"model": MODEL, "stream": stream, "options": COLD}
        chat, generate = "/api/chat", "/api/generate"
        yield chat, {**native, "messages": SAID}
        yield chat, {**native, "messages": SAID, "keep_alive": "10m", "think": False}
        yield chat, {**native, "messages": SAID, "options": {"seed": 4, "num_predict": 4}}
        yield chat, {**native, "messages": SAID, "logprobs": True, "top_logprobs": 3}
        yield chat, {**native, "messages": SAID, "format": SCHEMA}
        yield chat, {**native, "messages": SAID, "tools": [TOOL]}
        yield chat, {**native, "messages": [{**SAID[0], "images": [PIXEL]}]}
        yield chat, {**native, "messages": SAID, "think": True}
        yield chat, {**native, "messages": []}
        yield (
            chat,
            {**native, "messages": [*SAID, {"role": "assistant", "content": "Hé 🙂"}, *SAID]},
        )
        yield generate, {**native, "prompt": "Once"}
        yield generate, {**native, "prompt": "Once", "raw": True}
        yield generate, {**native, "prompt": "Once", "system": "Be short."}
        yield generate, {**native, "prompt": "def f(", "suffix": "return 1"}
        yield generate, {**native, "prompt": "Once", "format": "json"}
        yield generate, {**native, "prompt": "Once", "logprobs": True}
        yield generate, {**native, "prompt": "Once", "options": {**COLD, "stop": ["a"]}}
        yield generate, {**native, "prompt": ""}
        v1: dict[str, Any] = {"model": MODEL, "stream": stream, "temperature": 0}
        completions = "/v1/chat/completions"
        yield completions, {**v1, "messages": SAID, "max_tokens": 5}
        yield completions, {**v1, "messages": SAID, "max_tokens": 5, "seed": 2, "logprobs": True}
        usage = {"stream_options": {"include_usage": True}} if stream else {"n": 1}
        yield completions, {**v1, "messages": SAID, "max_tokens": 5, **usage}
        yield completions, {**v1, "messages": SAID, "max_tokens": 5, "tools": [TOOL]}
        yield "/v1/completions", {**v1, "prompt": "Once", "max_tokens": 5}
        yield "/v1/completions", {**v1, "prompt": "Once", "max_tokens": 5, "stop": "."}
        yield "/v1/responses", {**v1, "input": "Say hi.", "max_output_tokens": 5}
        yield "/v1/responses", {**v1, "input": SAID, "instructions": "x", "max_output_tokens": 5}
        yield "/v1/messages", {**v1, "messages": SAID, "max_tokens": 5}
    for path, field in (("/api/embed", "input"), ("/v1/embeddings", "input")):
        yield path, {"model": MODEL, field: "one"}
        yield path, {"model": MODEL, field: ["two", "three"]}
    yield "/api/embeddings", {"model": MODEL, "prompt": "four"}
    yield "/api/embed", {"model": "none-such", "input": "five"}


def is_kept(path: str, asked: dict[str, Any], status: int) -> bool:
    """Whether the answer is one that is replayed."""
    return status == 200 and asked.get("messages") != [] and asked.get("prompt") != ""


async def test_misses_hits_and_what_passes_are_upstreams_bytes(
    tmp_path: Path, engine_url: str
) -> None:
    tried = list(requests())
    assert len(tried) == 60
    hits = 0
    async with (
        relay(engine_url) as tap,
        proxied(tmp_path, tap.url, policy="all") as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=120, trust_env=False) as http,
    ):
        for path, asked in tried:
            body = json.dumps(asked).encode()
            missed = await http.post(path, content=body)
            assert missed.content == tap.bodies(path)[-1], (path, asked)
            await proxy.cache.get_stats()  # waits for what is on its way into the file
            before = len(tap.bodies(path))
            again = await http.post(path, content=body)
            if is_kept(path, asked, missed.status_code):
                assert again.headers["cache-status"] == "refrain; hit", (path, asked)
                assert again.content == missed.content
                assert again.headers["content-type"] == missed.headers["content-type"]
                assert len(tap.bodies(path)) == before
                hits += 1
            else:
                assert not again.headers["cache-status"].startswith("refrain; hit"), (path, asked)
            passed = await http.post(f"/off{path}", content=body)
            assert passed.content == tap.bodies(path)[-1]
            assert passed.headers["cache-status"].startswith("refrain; fwd=bypass")
    assert hits >= 40


async def test_other_paths_pass_through_untouched(tmp_path: Path, ollama: RealOllama) -> None:
    blob = b"x" * 5_000_000
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    async with (
        proxied(tmp_path, ollama.base_url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=120, trust_env=False) as http,
        httpx.AsyncClient(base_url=ollama.base_url, timeout=120, trust_env=False) as direct,
    ):
        for method, path in (
            ("HEAD", "/"),
            ("GET", "/"),
            ("GET", "/api/version"),
            ("GET", "/api/tags"),
            ("GET", "/v1/models"),
            ("GET", "/nowhere?a=%2F%20b"),
            ("POST", "/api/show"),
        ):
            content = json.dumps({"model": MODEL}).encode() if method == "POST" else None
            ours = await http.request(method, path, content=content)
            for _ in range(20):  # models made in one second are listed in any order
                theirs = await direct.request(method, path, content=content)
                if ours.content == theirs.content:
                    break
            assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content), path
            kept = {
                k: v for k, v in theirs.headers.items() if k not in ("date", "transfer-encoding")
            }
            assert {name: ours.headers.get(name) for name in kept} == kept, path

        async def parts() -> Any:
            for at in range(0, len(blob), 65536):
                yield blob[at : at + 65536]

        assert (await http.post(f"/api/blobs/{digest}", content=parts())).status_code == 201
        assert (await direct.head(f"/api/blobs/{digest}")).status_code == 200
        copied = {"source": MODEL, "destination": "copied"}
        assert (await http.post("/api/copy", json=copied)).status_code == 200
        ask = {"model": "copied", "prompt": "Once", "options": COLD, "stream": False}
        assert (await http.post("/api/generate", json=ask)).status_code == 200
        gone = await http.request("DELETE", "/api/delete", json={"model": "copied"})
        assert gone.status_code == 200
        assert (await http.post("/api/generate", json=ask)).status_code == 404


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
async def test_of_many_texts_only_the_new_ones_go_upstream(
    tmp_path: Path, engine_url: str, path: str
) -> None:
    texts = [f"chunk {number}" for number in range(CHUNKS)]
    new = [f"new {number}" for number in range(NEW_CHUNKS)]
    changed = list(texts)
    changed[1 :: CHUNKS // NEW_CHUNKS] = new
    async with (
        relay(engine_url) as tap,
        proxied(tmp_path, tap.url) as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=600, trust_env=False) as http,
        httpx.AsyncClient(base_url=engine_url, timeout=600, trust_env=False) as direct,
    ):
        first = await http.post(path, json={"model": MODEL, "input": texts})
        assert first.content == tap.bodies(path)[-1]
        await proxy.cache.get_stats()  # waits for what is on its way into the file
        ours = (await http.post(path, json={"model": MODEL, "input": changed})).json()
        assert json.loads(tap.requests(path)[-1])["input"] == new
        theirs = (await direct.post(path, json={"model": MODEL, "input": changed})).json()
        assert ours.keys() == theirs.keys()
        furthest = max(
            abs(one - other)
            for pair in zip(_vectors(ours), _vectors(theirs), strict=True)
            for one, other in zip(*pair, strict=True)
        )
        print(f"{CHUNKS} texts: vectors at most {furthest:.1e} from a direct request's")
        # An engine reckons the same text a little differently beside others.
        assert furthest < 2e-3
        asked = len(tap.bodies(path))
        await proxy.cache.get_stats()
        again = await http.post(path, json={"model": MODEL, "input": changed})
        assert again.json() == ours
        assert len(tap.bodies(path)) == asked


def _vectors(answer: dict[str, Any]) -> list[list[float]]:
    if "embeddings" in answer:
        return answer["embeddings"]
    ordered = sorted(answer["data"], key=lambda one: one["index"])
    return [one["embedding"] for one in ordered]
