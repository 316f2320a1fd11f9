"""Engines that can do less than others: each answers, and its answer says what was lacking.

The server is hand-made because no real engine does these things on demand.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attrs import define, evolve

from refrain_cache import AsyncCache
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.enrichment import (
    WHEEL,
    AnswerInvalid,
    AsyncHybridScorer,
    AsyncPostEnricher,
    Place,
)
from refrain_sidecar.enrichment.prompts import SCORE_HASH
from refrain_sidecar.enrichment.results import Enrichment
from refrain_sidecar.enrichment.stage1.evidence import ORDINARY
from refrain_sidecar.enrichment.stage1.hybrid_scorer import validate
from refrain_sidecar.enrichment.stage1.naming import Leaning
from refrain_sidecar.enrichment.stage2.writing import check_writing
from refrain_sidecar.inference.abilities import Abilities
from refrain_sidecar.inference.choose import EngineChooser
from refrain_sidecar.inference.remembered import Remembered
from refrain_sidecar.service.service import Service

from .lesser_ollama import Messages, Ollama, Refused, chatml
from .serving import served

TEXT = "The attic is so empty."
NO_FORM = "its prompt form is not known: it is asked by chat"
NO_LOGPROBS = "it tells no log-probabilities: feelings are generated"


@define
class Lesser:
    """The stages over an engine, and what it was asked."""

    ollama: Ollama
    cache: AsyncCache
    scorer: AsyncHybridScorer
    writer: AsyncPostEnricher
    settings: Settings

    async def both(self) -> Enrichment:
        """What both stages say of TEXT, which must be good."""
        result = await self.scorer.enrich(TEXT)
        validate(result)
        check_writing((await self.writer.write(result)).value)
        return result


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
            settings,
        )
        await chooser.close()


async def test_twenty_probabilities_name_the_feeling_and_say_so(lesser: Lesser) -> None:
    result = await lesser.both()
    assert (result["wheel"]["primary"], result["wheel"]["secondary"]) == ("sad", "lonely")
    assert (result["provenance"]["way"], result["provenance"]["lacks"]) == ("top_logprobs", [])
    assert result["events"] == ["The attic is so empty"]
    assert lesser.ollama.bodies(), "it is asked raw"
    for body in lesser.ollama.bodies():
        assert body["raw"]
        assert body["prompt"].startswith("<|im_start|>")
        assert body.get("top_logprobs", 0) <= 20
        assert "logprob_tokens" not in body


async def test_one_that_renders_nothing_is_asked_in_the_form_of_its_family(lesser: Lesser) -> None:
    lesser.ollama.render = None
    result = await lesser.both()
    assert (result["wheel"]["primary"], result["provenance"]["lacks"]) == ("sad", [])
    asked = [body for body in lesser.ollama.bodies("/api/chat") if "_debug_render_only" in body]
    assert {body["options"]["num_predict"] for body in asked} == {1}, "it generates what it is told"
    assert lesser.ollama.bodies()[-1]["prompt"].startswith("<|im_start|>system")
    assert lesser.ollama.written < 400


async def test_one_whose_form_nobody_tells_is_asked_by_chat(lesser: Lesser) -> None:
    lesser.ollama.render, lesser.ollama.template = None, "{{ .Prompt }}"
    result = await lesser.both()
    assert (result["wheel"]["primary"], result["provenance"]["lacks"]) == ("sad", [NO_FORM])
    assert lesser.ollama.bodies() == []
    assert lesser.ollama.bodies("/api/chat")[-1]["messages"][-1]["role"] == "assistant"


async def test_one_that_tells_no_probabilities_writes_a_word(lesser: Lesser) -> None:
    lesser.ollama.tells = False
    result = await lesser.both()
    assert Place(**result["wheel"]) == WHEEL.place("homesick")
    assert (result["provenance"]["way"], result["provenance"]["lacks"]) == (
        "generated",
        [NO_LOGPROBS],
    )
    assert result["low_confidence"]
    assert lesser.ollama.bodies()[-1]["raw"]


async def test_one_that_refuses_to_tell_probabilities_is_not_asked_for_them(lesser: Lesser) -> None:
    lesser.ollama.refuses_logprobs = True
    result = await lesser.both()
    assert result["provenance"]["lacks"] == [NO_LOGPROBS]
    assert sum("logprobs" in body for body in lesser.ollama.bodies()) == 1
    assert lesser.ollama.bodies()[-1]["raw"], "its form is as good as ever"


async def test_one_that_refuses_raw_prompts_is_asked_by_chat(lesser: Lesser) -> None:
    lesser.ollama.refuses_raw = True
    result = await lesser.both()
    assert (result["wheel"]["primary"], result["provenance"]["lacks"]) == ("sad", [NO_FORM])
    assert len(lesser.ollama.bodies()) == 2, "with log-probabilities, and without"


async def test_one_that_can_do_nothing_but_chat_answers(lesser: Lesser) -> None:
    ollama = lesser.ollama
    ollama.render, ollama.refuses_raw, ollama.refuses_logprobs = None, True, True
    result = await lesser.both()
    assert result["provenance"]["lacks"] == [NO_FORM, NO_LOGPROBS]
    assert Place(**result["wheel"]) == WHEEL.place("homesick")


def alternating(messages: Messages) -> str:
    """A template that takes no instructions, as some say in an error."""
    if messages[0]["role"] == "system":
        raise Refused("template: roles must alternate user/assistant")
    return chatml(messages)


def crashing(messages: Messages) -> str:
    """One that cannot be executed with instructions."""
    if messages[0]["role"] == "system":
        raise Refused("template: :3: executing: index out of range", status=500)
    return chatml(messages)


def forgetful(messages: Messages) -> str:
    """One that has no place for instructions."""
    return chatml([message for message in messages if message["role"] != "system"])


def moving(messages: Messages) -> str:
    """One that has instructions stand before the last question."""
    system = [message for message in messages if message["role"] == "system"]
    others = [message for message in messages if message["role"] != "system"]
    return chatml([*others[:-1], *system, others[-1]])


@pytest.mark.parametrize("render", [alternating, crashing, forgetful, moving])
async def test_instructions_that_a_template_will_not_have_begin_the_first_question(
    lesser: Lesser, render: object
) -> None:
    lesser.ollama.render = render  # type: ignore[assignment]
    result = await lesser.both()
    assert (result["wheel"]["primary"], result["provenance"]["lacks"]) == ("sad", [])
    for body in lesser.ollama.bodies()[1:]:
        assert body["prompt"].startswith("<|im_start|>user\nYou ")
        assert "system" not in body["prompt"]


@pytest.mark.parametrize(
    "render",
    [
        pytest.param(lambda messages: chatml(messages[-1:]), id="only the last question"),
        pytest.param(lambda messages: chatml(messages).lower(), id="all in lower case"),
        pytest.param(lambda _: "", id="nothing"),
    ],
)
async def test_an_odd_template_is_answered_by_the_form_of_its_family_or_by_chat(
    lesser: Lesser, render: object
) -> None:
    lesser.ollama.render = render  # type: ignore[assignment]
    assert (await lesser.both())["provenance"]["lacks"] == []
    lesser.ollama.template, lesser.ollama.digest = "### {{ .Prompt }}", "e" * 64
    lesser.scorer._asking.chooser.forget()
    assert (await lesser.both())["provenance"]["lacks"] == [NO_FORM]


async def test_what_an_engine_can_do_is_found_out_once_for_a_digest_and_a_version(
    lesser: Lesser,
) -> None:
    def found_out() -> int:
        return len(lesser.ollama.bodies("/api/show"))

    await lesser.scorer.score(TEXT)
    await lesser.scorer.score("The attic is full.")
    assert found_out() == 1

    async def again(text: str) -> None:
        """In another process, which knows what is on disk."""
        chooser = EngineChooser(lesser.settings, 1)
        await AsyncHybridScorer(lesser.cache, chooser, lesser.settings).score(text)
        await chooser.close()

    await again("The attic is cold.")
    assert found_out() == 1
    leanings = len(lesser.ollama.bodies())
    await again("The attic is dark.")
    # Three beginnings: what it says of ordinary texts is on disk as well.
    assert len(lesser.ollama.bodies()) == leanings + 3
    lesser.ollama.digest = "e" * 64
    await again("The attic is light.")
    assert found_out() == 2
    lesser.ollama.version = "0.34.0"
    await again("The attic is high.")
    assert found_out() == 3


@pytest.mark.parametrize(
    ("name", "kind", "moment", "more"),
    [
        pytest.param("abilities-2", Abilities, "How do you feel?", (), id="abilities"),
        pytest.param("leaning", Leaning, ORDINARY[3], (SCORE_HASH,), id="leaning"),
    ],
)
async def test_what_is_found_out_while_a_model_is_made_anew_is_not_remembered_of_the_former(
    lesser: Lesser, name: str, kind: type, moment: str, more: tuple[str, ...]
) -> None:
    former, later = lesser.ollama.digest, "e" * 64

    def make_anew(shown: str) -> None:
        if moment in shown:
            lesser.ollama.digest = later

    lesser.ollama.hears = make_anew
    result = await lesser.both()
    assert result["provenance"]["digest"] == later
    remembered = Remembered(lesser.settings.caching)
    for digest, known in ((former, False), (later, True)):
        who = (digest, lesser.ollama.version, *more)
        assert (remembered.read(name, who, kind) is not None) is known


async def test_an_engine_that_learnt_something_is_asked_for_it(lesser: Lesser) -> None:
    lesser.ollama.tells = False
    assert (await lesser.scorer.enrich(TEXT))["provenance"]["lacks"] == [NO_LOGPROBS]
    lesser.ollama.tells, lesser.ollama.version = True, "0.34.0"
    lesser.scorer._asking.chooser.forget()
    assert (await lesser.scorer.enrich(TEXT))["provenance"]["lacks"] == []


async def test_a_word_that_does_not_fit_is_asked_for_once_more(lesser: Lesser) -> None:
    lesser.ollama.tells = False
    lesser.ollama.texts = ['{"feeling":', '{"feeling":"homesick"}']
    assert (await lesser.scorer.enrich(TEXT))["wheel"]["tertiary"] == "homesick"
    bound = [body for body in lesser.ollama.bodies() if "format" in body]
    assert len({body["options"]["seed"] for body in bound}) == len(bound) == 2


@pytest.mark.parametrize("text", ['{"feeling":', "[]", '{"feeling":"purple"}', "{}"])
async def test_a_word_that_does_not_fit_twice_is_an_error_and_not_stored(
    lesser: Lesser, text: str
) -> None:
    lesser.ollama.tells, lesser.ollama.texts = False, [text]
    with pytest.raises(AnswerInvalid, match="Nothing was stored"):
        await lesser.scorer.score(TEXT)
    assert (await lesser.cache.get_stats()).entries == 0
    lesser.ollama.texts = ['{"feeling":"homesick"}']
    assert (await lesser.scorer.score(TEXT)).outcome == "miss"


async def test_a_page_that_cannot_be_used_is_an_error_and_not_stored(lesser: Lesser) -> None:
    result = await lesser.scorer.enrich(TEXT)
    lesser.ollama.page = "...\n" * 20
    with pytest.raises(AnswerInvalid, match="Nothing was stored"):
        await lesser.writer.write(result)
    assert (await lesser.cache.get_stats()).entries == 1


async def test_one_set_of_options_for_everything_but_sampling(lesser: Lesser) -> None:
    await lesser.both()
    bodies = [*lesser.ollama.bodies(), *lesser.ollama.bodies("/api/chat")]
    loading = {(body["options"]["num_ctx"], body["options"]["num_thread"]) for body in bodies}
    assert len(loading) == 1
    assert all(body["options"]["num_predict"] > 0 for body in bodies), "no answer is endless"


@pytest.mark.parametrize(("keep_alive", "sent"), [(0, "2s"), ("0m", "2s"), ("5m", "5m"), (-1, -1)])
async def test_to_keep_nothing_loaded_is_to_keep_it_between_the_requests_for_a_text(
    lesser: Lesser, keep_alive: int | str, sent: int | str
) -> None:
    inference = evolve(lesser.settings.inference, keep_alive=keep_alive)
    settings = evolve(lesser.settings, inference=inference)
    chooser = EngineChooser(settings, 1)
    await AsyncHybridScorer(lesser.cache, chooser, settings).score(TEXT)
    await chooser.close()
    bodies = [*lesser.ollama.bodies(), *lesser.ollama.bodies("/api/chat")]
    assert {body.get("keep_alive") for body in bodies} == {sent}


@pytest.mark.parametrize("refuses", [False, True])
async def test_the_doctor_says_what_a_model_lacks(tmp_path: Path, refuses: bool) -> None:
    ollama = Ollama(refuses_raw=refuses, refuses_logprobs=refuses)
    async with served(ollama.app()) as url:
        config = tmp_path / "config" / "perf_config.json"
        config.parent.mkdir()
        inference = evolve(InferenceSettings(), engine="ollama", base_url=url, model="m:1")
        sections = {"engine": inference.engine, "base_url": url, "model": inference.model}
        caching = {"cache_dir": "./cache"}
        config.write_text(json.dumps({"inference": sections, "caching": caching}))
        async with Service(config) as service:
            checks = [{it.name: it for it in (await service.doctor()).checks} for _ in range(2)]
    assert checks[0]["Model"] == checks[1]["Model"]
    assert len(ollama.bodies("/api/show")) == 1, "known on disk the second time"
    found = checks[0]["Model"]
    if refuses:
        assert (found.status, found.message) == ("warn", f"m:1: {NO_FORM}; {NO_LOGPROBS}")
        assert "inference.model" in (found.fix or "")
    else:
        assert (found.status, found.fix) == ("ok", None)
