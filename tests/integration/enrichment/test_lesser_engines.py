"""Engines that tell little or nothing of probabilities, or write JSON that does not fit.

The server is hand-made because no real engine does these things on demand.
"""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from attrs import define, evolve, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from refrain_cache import AsyncCache
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import (
    WHEEL,
    AnswerInvalid,
    AsyncHybridScorer,
    AsyncPostEnricher,
    Place,
)
from refrain_sidecar.enrichment.stage1.hybrid_scorer import validate
from refrain_sidecar.inference.choose import EngineChooser

from .serving import served

TOP = [(" sad", -0.5), (" lonely", -1.0), (" upset", -2.0), (" happ", -6.0), (" the", -6.5)]
LEANING = [(" happy", -0.5), (" good", -1.0), (" sad", -5.0), (" lonely", -6.0), (" the", -6.5)]
DETAILS = '{"events":["an empty house"],"expressed":["lonely"],"invoked":["alone"]}'


@define
class Ollama:
    """Just enough of Ollama: `top` is what it tells of the next token, `texts` what it writes."""

    tells: bool = True
    texts: list[str] = field(factory=lambda: [DETAILS])
    asked: list[dict[str, Any]] = field(factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", lambda _: PlainTextResponse("Ollama is running")),
                Route("/api/version", lambda _: JSONResponse({"version": "0.33.0"})),
                Route("/api/tags", self.tags),
                Route("/api/chat", self.chat, methods=["POST"]),
            ]
        )

    async def tags(self, _: Request) -> Response:
        tag = {"name": "m:1", "model": "m:1", "digest": "d" * 64, "size": 1, "modified_at": ""}
        return JSONResponse({"models": [{**tag, "details": {}}]})

    async def chat(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        lines = self.written() if "format" in body else self.told(body)
        return PlainTextResponse("".join(json.dumps(line) + "\n" for line in lines))

    def written(self) -> Iterable[dict[str, Any]]:
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        yield line(text)
        yield line("", done=True)

    def told(self, body: dict[str, Any]) -> Iterable[dict[str, Any]]:
        first = line(" x")
        if self.tells:
            spoken = body["messages"][1]["content"]
            top = TOP if "house" in spoken else LEANING
            entries = [{"token": token, "logprob": logprob} for token, logprob in top]
            first["logprobs"] = [{"token": " x", "logprob": -1.0, "top_logprobs": entries}]
        yield first
        yield line("", done=True)


def line(text: str, *, done: bool = False) -> dict[str, Any]:
    said = {"model": "m:1", "message": {"role": "assistant", "content": text}, "done": done}
    return {**said, "done_reason": "stop"} if done else said


@define
class Lesser:
    ollama: Ollama
    cache: AsyncCache
    scorer: AsyncHybridScorer
    writer: AsyncPostEnricher


@pytest.fixture
async def lesser(embedded_settings: Settings) -> AsyncIterator[Lesser]:
    ollama = Ollama()
    async with served(ollama.app()) as url, AsyncCache(embedded_settings.caching) as cache:
        inference = evolve(embedded_settings.inference, engine="ollama", base_url=url, model="m:1")
        settings = evolve(embedded_settings, inference=inference)
        chooser = EngineChooser(settings, 1)
        yield Lesser(
            ollama,
            cache,
            AsyncHybridScorer(cache, chooser, settings),
            AsyncPostEnricher(cache, chooser, settings),
        )
        await chooser.close()


async def test_twenty_probabilities_name_the_feeling_and_say_so(lesser: Lesser) -> None:
    result = await lesser.scorer.enrich("The house is so empty.")
    assert result["wheel"]["primary"] == "sad"
    assert result["provenance"]["way"] == "top_logprobs"
    assert all(body.get("top_logprobs", 0) <= 20 for body in lesser.ollama.asked)


async def test_without_probabilities_a_word_is_generated_and_it_says_so(lesser: Lesser) -> None:
    lesser.ollama.tells = False
    lesser.ollama.texts = ['{"feeling":"homesick"}', DETAILS.replace("alone", "homesick")]
    result = await lesser.scorer.enrich("The house is so empty.")
    validate(result)
    assert Place(**result["wheel"]) == WHEEL.place("homesick")
    assert result["provenance"]["way"] == "generated"
    assert result["low_confidence"]


async def test_json_that_does_not_fit_is_asked_for_once_more(lesser: Lesser) -> None:
    lesser.ollama.texts = ['{"events":[', DETAILS]
    outcome = await lesser.scorer.score("The house is so empty.")
    assert outcome.value["events"] == ["an empty house"]
    written = [body for body in lesser.ollama.asked if "format" in body]
    assert len({body["options"]["seed"] for body in written}) == len(written) == 2


@pytest.mark.parametrize(
    "text", ['{"events":[', "[]", '{"events":["a b c"],"expressed":["purple"],"invoked":["sad"]}']
)
async def test_json_that_does_not_fit_twice_is_an_error_and_not_stored(
    lesser: Lesser, text: str
) -> None:
    lesser.ollama.texts = [text]
    with pytest.raises(AnswerInvalid, match="Nothing was stored"):
        await lesser.scorer.score("The house is so empty.")
    assert (await lesser.cache.get_stats()).entries == 0
    lesser.ollama.texts = [DETAILS]
    assert (await lesser.scorer.score("The house is so empty.")).outcome == "miss"


async def test_one_option_set_for_everything_but_sampling(lesser: Lesser) -> None:
    await lesser.scorer.score("The house is so empty.")
    reloading = {(body["options"]["num_ctx"], body["options"]["num_thread"])
                 for body in lesser.ollama.asked}  # fmt: skip
    assert len(reloading) == 1
    caps = {body["options"]["num_predict"] for body in lesser.ollama.asked if "format" in body}
    assert caps == {120}
