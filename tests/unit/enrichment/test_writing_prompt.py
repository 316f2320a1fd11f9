"""Stage 2's prompt: static first, feelings last, examples that keep their own rules."""

import pytest

from refrain_sidecar.enrichment.schemas import TONES
from refrain_sidecar.enrichment.stage2.draft import CHARS, Draft
from refrain_sidecar.enrichment.stage2.writing import check_writing
from refrain_sidecar.enrichment.stage2.writing_prompt import (
    example_lines,
    line_messages,
    page,
    tone_of,
)
from refrain_sidecar.enrichment.wheel import WHEEL, Place

GRATEFUL = Place("happy", "grateful", "thankful")


@pytest.mark.parametrize("primary", WHEEL.primaries)
def test_every_example_is_an_answer_that_would_be_accepted(primary: str) -> None:
    place = next(place for place in WHEEL.places if place.primary == primary)
    examples = [m.content for m in line_messages(place, (), None) if m.role == "assistant"]
    assert len(examples) == 2
    for example in examples:
        draft = Draft(())
        going = [draft.read(line) for line in example.split("\n")]
        assert all(going)
        assert (draft.open, draft.fault) == (None, "")
        check_writing(draft.written(TONES[0]))
        assert page(draft.before) == example
        assert set(draft.before) <= example_lines(primary)


def test_feelings_of_one_primary_share_all_but_the_last_message() -> None:
    one = line_messages(GRATEFUL, ("moved",), "night")
    other = line_messages(Place("happy", "playful", "silly"), (), None)
    assert one[:-1] == other[:-1]
    assert one[-1].content == "Feeling: thankful (grateful). Also: moved. Time: night."
    assert other[-1].content == "Feeling: silly (playful)."


def test_what_is_named_already_is_not_named_again() -> None:
    asked = line_messages(GRATEFUL, ("thankful", "moved", "grateful", "touched"), None)[-1]
    assert asked.content == "Feeling: thankful (grateful). Also: moved, touched."


def test_a_page_stops_at_the_mark_of_what_comes_next() -> None:
    lines = [f"line {at}" for at in range(len(CHARS))]
    assert page(()) == "Poem\n1"
    assert page(lines[:3]) == "Poem\n1 line 0\n2 line 1\n3 line 2\nTips\n4"
    assert page(lines[:6]).endswith("6 line 5\nClosing\n7")
    assert page(lines).endswith("Closing\n7 line 6")


def test_the_tone_is_that_of_the_nearest_example() -> None:
    assert (tone_of(GRATEFUL), tone_of(Place("happy", "excited", "eager"))) == ("warm", "bright")
    assert {tone_of(place) for place in WHEEL.places} <= set(TONES)
