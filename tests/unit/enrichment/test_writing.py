"""What is refused of Stage 2's writing beyond its schema."""

from typing import Any

import pytest

from refrain_sidecar.enrichment.writing import check_writing, tidied

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
