"""Recipes over a real cache and the real small model."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from attrs import evolve, frozen
from tests.integration.conftest import embedded

from refrain_cache import AsyncCache
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import AnswerInvalid, InputRefused
from refrain_sidecar.enrichment.recipes.definition import Definition, Given
from refrain_sidecar.enrichment.recipes.reading import read_recipe
from refrain_sidecar.enrichment.recipes.running import AsyncRecipes
from refrain_sidecar.inference.choose import EngineChooser
from refrain_sidecar.inference.errors import ModelMissing, RequestRefused

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = "---\noptions: {num_predict: 60, temperature: 0}\n---\n"
TITLE = f"{SHORT}Answer with a title of three words for: ${{text}}"
GIVEN = Given("The ship left at dawn and came back at noon.", "/home/me/ship.txt")


def recipe(text: str, name: str = "title") -> Definition:
    reading = read_recipe(name, text)
    assert reading.definition is not None, reading.problems
    return reading.definition


@frozen
class Kitchen:
    """What a sidecar has of recipes."""

    cache: AsyncCache
    recipes: AsyncRecipes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chooser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EngineChooser]:
    chooser = EngineChooser(embedded(tmp_path_factory.mktemp("chooser")), 1)
    yield chooser
    await chooser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def kitchen(embedded_settings: Settings, chooser: EngineChooser) -> AsyncIterator[Kitchen]:
    async with AsyncCache(embedded_settings.caching) as cache:
        yield Kitchen(cache, AsyncRecipes(cache, chooser, embedded_settings))


async def test_a_recipe_is_asked_once_and_streams(
    kitchen: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    pieces: list[str] = []
    with caplog.at_level(logging.INFO, "refrain"):
        first = await kitchen.recipes.run(recipe(TITLE), GIVEN, told=pieces.append)
        again = await kitchen.recipes.run(recipe(TITLE), GIVEN, told=pieces.append)
    output = first.value["output"]
    assert isinstance(output, str)
    assert (first.outcome, again.outcome) == ("miss", "hit")
    assert again.value == first.value
    assert "".join(pieces).strip() == output  # of the hit nothing was heard
    assert len(pieces) > 2
    assert first.value["provenance"]["model"] == "smollm2:135m"
    assert [r.message for r in caplog.records if "Recipe" in r.message] == [
        "[CACHE MISS] Recipe title: The ship left at daw... (44 chars) → generated & cached",
        "[CACHE HIT] Recipe title: The ship left at daw... (44 chars) → cached",
    ]


async def test_what_does_not_change_the_answer_makes_no_other(kitchen: Kitchen) -> None:
    first = await kitchen.recipes.run(recipe(TITLE), GIVEN)
    same = recipe(TITLE.replace("---\n", "---\ndescription: of a text\n", 1), "other")
    given = Given(f"  {GIVEN.text}\r\n", "/elsewhere/x.txt", {"unused": "x"}, whole=True)
    assert (await kitchen.recipes.run(same, given)).outcome == "hit"
    assert (await kitchen.recipes.run(same, given)).value == first.value


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (TITLE.replace("three", "four"), "the prompt changed"),
        (TITLE.replace("temperature: 0", "temperature: 0.5"), "temperature"),
        (TITLE.replace("num_predict: 60", "num_predict: 61"), "num_predict"),
    ],
)
async def test_what_changes_the_answer_is_another_question(
    kitchen: Kitchen, changed: str, why: str
) -> None:
    await kitchen.recipes.run(recipe(TITLE), GIVEN)
    before = await kitchen.recipes.fingerprint(recipe(TITLE), GIVEN)
    after = await kitchen.recipes.fingerprint(recipe(changed), GIVEN)
    assert before.key != after.key
    assert why in (await kitchen.cache.explain(after)).cause


async def test_texts_and_files_are_stored_as_hashes(kitchen: Kitchen) -> None:
    named = recipe(TITLE + " ${file} ${input:who}")
    given = evolve(GIVEN, inputs={"who": "somebody"})
    fp = await kitchen.recipes.fingerprint(named, given)
    assert not any(word in fp.content + fp.recipe for word in ("ship", "home", "somebody"))


async def test_json_fits_its_schema(kitchen: Kitchen) -> None:
    asked = recipe(
        "---\noptions: {num_predict: 60}\noutput:\n  type: object\n  properties:\n"
        "    feeling: {enum: [good, bad]}\n    count: {type: integer, minimum: 0, maximum: 9}\n"
        "  required: [feeling, count]\n  additionalProperties: false\n---\nAbout: ${text}"
    )
    heard: list[str] = []
    outcome = await kitchen.recipes.run(asked, GIVEN, told=heard.append)
    assert outcome.value["output"].keys() == {"feeling", "count"}
    assert outcome.value["output"]["feeling"] in ("good", "bad")
    assert heard == []
    assert (await kitchen.recipes.run(asked, GIVEN)).value == outcome.value


async def test_json_that_fails_twice_is_refused_and_not_kept(kitchen: Kitchen) -> None:
    cut = recipe(
        "---\noptions: {num_predict: 4}\noutput: {type: object, required: [essay], properties: "
        "{essay: {type: string, minLength: 200}}}\n---\nWrite about: ${text}"
    )
    with pytest.raises(AnswerInvalid, match="cut at 4 tokens; then it was cut"):
        await kitchen.recipes.run(cut, GIVEN)
    assert (await kitchen.cache.entries(kind="recipe")).total == 0


async def test_a_text_that_the_cap_cuts_is_given_and_not_kept(kitchen: Kitchen) -> None:
    cut = recipe("---\noptions: {num_predict: 3}\n---\nTell a long story about: ${text}")
    for _ in range(2):
        outcome = await kitchen.recipes.run(cut, GIVEN)
        assert outcome.outcome == "refused"
        assert "cut at 3 tokens" in str(outcome.reason)
        assert outcome.value["output"]
    assert (await kitchen.cache.entries(kind="recipe")).total == 0


async def test_a_model_that_is_not_there_is_named(kitchen: Kitchen) -> None:
    with pytest.raises(ModelMissing, match=r"asks for the model 'qwen3:4b'.*only smollm2:135m"):
        await kitchen.recipes.run(recipe("---\nmodel: qwen3:4b\n---\n${text}"), GIVEN)


async def test_the_model_that_is_there_may_be_named(kitchen: Kitchen) -> None:
    first = await kitchen.recipes.run(recipe(TITLE), GIVEN)
    named = recipe(TITLE.replace("---\n", "---\nmodel: SmolLM2:135M\n", 1))
    again = await kitchen.recipes.run(named, GIVEN)
    assert (again.outcome, again.value) == ("hit", first.value)


async def test_a_model_that_cannot_think_is_not_asked_to(kitchen: Kitchen) -> None:
    with pytest.raises(InputRefused, match="does not think"):
        await kitchen.recipes.run(recipe("---\nthink: true\n---\n${text}"), GIVEN)


async def test_a_text_that_does_not_fit_is_never_answered_in_half(kitchen: Kitchen) -> None:
    with pytest.raises(RequestRefused, match="context"):
        await kitchen.recipes.run(recipe(TITLE), Given("a word " * 8_000))
    assert (await kitchen.cache.entries(kind="recipe")).total == 0


async def test_with_the_cache_switched_off_it_is_answered(
    embedded_settings: Settings, chooser: EngineChooser
) -> None:
    settings = evolve(embedded_settings, caching=evolve(embedded_settings.caching, enabled=False))
    async with AsyncCache(settings.caching) as cache:
        outcome = await AsyncRecipes(cache, chooser, settings).run(recipe(TITLE), GIVEN)
    assert outcome.outcome == "bypass"
    assert outcome.value["output"]
