"""Stage 2's prompt: static first, feelings last, examples that keep their own rules."""

import json

import pytest

from refrain_sidecar.enrichment.stage2.writing import check_writing
from refrain_sidecar.enrichment.stage2.writing_prompt import writing_messages
from refrain_sidecar.enrichment.wheel import WHEEL, Place

GRATEFUL = Place("happy", "grateful", "thankful")


@pytest.mark.parametrize("primary", WHEEL.primaries)
def test_every_example_is_an_answer_that_would_be_accepted(primary: str) -> None:
    place = next(place for place in WHEEL.places if place.primary == primary)
    examples = [m for m in writing_messages(place, (), None) if m.role == "assistant"]
    assert len(examples) == 2
    for example in examples:
        check_writing(json.loads(example.content))


def test_feelings_of_one_primary_share_all_but_the_last_message() -> None:
    one = writing_messages(GRATEFUL, ("moved",), "night")
    other = writing_messages(Place("happy", "playful", "silly"), (), None)
    assert one[:-1] == other[:-1]
    assert one[-1].content == "Feeling: thankful (grateful). Also: moved. Time: night."
    assert other[-1].content == "Feeling: silly (playful)."
