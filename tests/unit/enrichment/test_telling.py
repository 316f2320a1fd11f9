"""What a text tells: in its own words, and by the likeliest word that goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.enrichment.schemas import EVENT_CHARS, MAX_EVENTS
from refrain_sidecar.enrichment.stage1.scoring import at
from refrain_sidecar.enrichment.stage1.telling import events, likeliest, phrase, tell
from refrain_sidecar.enrichment.wheel import Place

LONG = "I'm feeling grateful for all the friends who came by here today and this wonderful day"


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (" my dog\n died  yesterday. ", "my dog died yesterday"),
        (LONG, "I'm feeling grateful for all the friends who came by here today"),
        ("x" * (EVENT_CHARS + 9), "x" * EVENT_CHARS),
        (
            "My manager took credit for the whole of my work again yesterday about the wider plan",
            "My manager took credit for the whole of my work again yesterday",
        ),
    ],
)
def test_phrases(event: str, told: str) -> None:
    assert phrase(event) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("My dog died yesterday. I cry.", ("My dog died yesterday",)),
        ("Hm. The doctor called, and it is benign!", ("The doctor called",)),
        ("今日はとても楽しかった。海。", ("今日はとても楽しかった",)),
        ("ok", ()),
        ("123 !!! 😡", ()),
    ],
)
def test_events_are_the_clauses_that_say_most(text: str, told: tuple[str, ...]) -> None:
    assert events(text) == told


@given(st.text(min_size=1, max_size=300))
def test_events_are_words_of_the_text_and_short(text: str) -> None:
    found = events(text)
    assert len(found) <= MAX_EVENTS
    for event in found:
        assert event in " ".join(text.split())
        assert len(event) <= EVENT_CHARS
        assert any(map(str.isalpha, event))


def test_the_likeliest_token_that_begins_a_word_names_it() -> None:
    words = ("alone", "tearful", "sorry")
    assert likeliest({" the": -0.1, " tear": -1.0, " alone": -2.0}, words) == "tearful"
    assert likeliest({" tea": -0.1, " alone": -2.0}, words) == "alone", "too short to tell"
    assert likeliest({" the": -0.1}, words) is None
    assert likeliest({}, words) is None


def test_what_a_reader_will_feel_is_invoked_and_without_it_what_was_written() -> None:
    scored = at(Place("sad", "lonely", "alone"), 0.4)
    other = scored.plausible[3]
    told = tell("The attic is empty.", scored, {" the": -0.1, f" {other}": -1.0, " alone": -2.0})
    assert told.invoked == (other,)
    assert told.expressed == ("alone", scored.plausible[1])
    assert told.events == ("The attic is empty",)
    assert tell("The attic is empty.", scored, {}).invoked == ("alone",)
