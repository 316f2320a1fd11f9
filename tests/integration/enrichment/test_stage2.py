"""Stage 2 on the real model: keyed on feelings alone, in the form that was asked for."""

import json
from typing import Any

import pytest

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.enrichment.stage2.writing import check_writing

from .conftest import Stages

pytestmark = pytest.mark.asyncio(loop_scope="module")


def feelings(primary: str, secondary: str, tertiary: str, *invoked: str) -> dict[str, Any]:
    wheel = {"primary": primary, "secondary": secondary, "tertiary": tertiary}
    return {"wheel": wheel, "invoked": list(invoked)}


GRATEFUL = feelings("happy", "grateful", "thankful", "touched", "moved")


@pytest.mark.parametrize(
    "result",
    [
        GRATEFUL,
        feelings("strong", "brave", "defiant", "bold"),
        feelings("peaceful", "calm", "serene"),
        feelings("sad", "grieving", "heartbroken", "tearful"),
        feelings("angry", "frustrated", "impatient"),
        feelings("fearful", "anxious", "worried", "restless"),
    ],
)
async def test_each_primary_is_written_to_in_form(stages: Stages, result: dict[str, Any]) -> None:
    outcome = await stages.writer.write(result, timestamp="2026-10-29T20:00:00")
    check_writing(outcome.value)
    assert (len(outcome.value["poem"]), len(outcome.value["tips"])) == (3, 3)


async def test_different_texts_with_the_same_feelings_share_one_answer(stages: Stages) -> None:
    first = await stages.writer.write({**GRATEFUL, "events": ["a party"], "confidence": 0.9})
    second = await stages.writer.write(
        {**GRATEFUL, "invoked": ["moved", "touched"], "events": ["a letter"], "confidence": 0.5}
    )
    assert (first.outcome, second.outcome) == ("miss", "hit")
    assert json.dumps(first.value) == json.dumps(second.value)


async def test_the_phase_of_day_is_in_the_key(stages: Stages) -> None:
    keys = {
        (await stages.writer.fingerprint(GRATEFUL, timestamp=moment)).key
        for moment in ("2026-10-29T08:00:00", "2026-10-29T23:00:00", None)
    }
    assert len(keys) == 3


async def test_run_post_enrichment_adds_to_a_result(stages: Stages) -> None:
    result = await stages.scorer.enrich("We danced all night at my sister's wedding.")
    both = await stages.writer.run_post_enrichment(result)
    assert {key: both[key] for key in result} == result  # type: ignore[literal-required]
    check_writing(both["post_enrichment"])


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({}, "result of Stage 1"),
        ({"wheel": "happy"}, "result of Stage 1"),
        (feelings("sad", "grateful", "thankful"), "not a place"),
        (feelings("happy", "grateful", "thankful", "purple"), "purple"),
    ],
)
async def test_what_is_not_on_the_wheel_is_refused(
    stages: Stages, result: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputRefused, match=reason):
        await stages.writer.write(result)
