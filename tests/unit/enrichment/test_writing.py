"""What is refused of Stage 2's writing beyond its schema."""

from typing import Any

import pytest

from refrain_sidecar.enrichment.stage2.writing import check_line, check_writing, cut, tidied, tidy

GOOD: dict[str, Any] = {
    "poem": ["- A lamp in the hall,", "a coat on its hook,", "the night comes home."],
    "tips": ["Call a friend", "Walk slowly", "Sleep early"],
    "closing": " You are  here. ",
    "tone": "warm",
}


def test_good_writing_passes_and_loses_list_marks_and_blanks() -> None:
    check_writing(GOOD)
    tidy = tidied(GOOD)
    assert tidy["poem"][0] == "A lamp in the hall,"
    assert tidy["closing"] == "You are here."


@pytest.mark.parametrize(
    ("part", "value", "fault"),
    [
        ("poem", ["A lamp in the hall,", "a lamp in the hall,", "the night."], "twice"),
        ("tips", ["Call a friend", "Walk slowly", "- - - - - - -"], "says nothing"),
        ("tips", ["Call a friend", "Walk slowly", "tip three here"], "repeats the form"),
        ("closing", "This poem is about you.", "repeats the form"),
        ("closing", "short", "closing"),
        ("poem", ["Only one line here"], "poem"),
        ("tone", "purple", "tone"),
    ],
)
def test_faults_are_named(part: str, value: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        check_writing({**GOOD, part: value})


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("Tone: sweet", "repeats the form"),
        ("...", "says nothing"),
        ("You deserve to be punished for it", "unkind"),
        ("But you have to take your own life,", "unkind"),
        ("You are a lost soul", "unkind"),
        ("the rain tells stories.", "there already"),
    ],
)
def test_a_line_that_will_not_do_says_why(line: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        check_line(line, {"The rain tells stories"})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A short line\nand another", "A short line"),
        ("One clause ends here; and another goes on for too long", "One clause ends here"),
        ("no marks at all but far too many words to keep", "no marks at all but far too"),
        ("go where you always wanted to have gone", "go where you always wanted"),
    ],
)
def test_a_long_line_ends_at_a_clause_or_where_a_phrase_may(text: str, line: str) -> None:
    assert cut(text, 30) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (' - "I am  here" ', "I am here"),
        ('Say "I am here" aloud', 'Say "I am here" aloud'),
        ('Tell yourself, "I am here.', "Tell yourself, I am here."),
    ],
)
def test_list_marks_and_half_pairs_of_quotes_are_taken_off(text: str, line: str) -> None:
    assert tidy(text) == line
