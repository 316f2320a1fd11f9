"""What is refused of Stage 2's writing beyond its schema."""

from typing import Any

import pytest

from refrain_sidecar.enrichment.stage2.writing import (
    check_line,
    check_tip,
    check_writing,
    cut,
    tidy,
)

GOOD: dict[str, Any] = {
    "poem": ["A lamp in the hall,", "a coat on its hook,", "the night comes home."],
    "tips": ["Call a friend", "Walk slowly", "Sleep early"],
    "closing": "You are here.",
    "tone": "warm",
}


def test_good_writing_passes() -> None:
    check_writing(GOOD)


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
        ("A poem for the night", "repeats the form"),
        ('{"poem": "A lamp"}', "repeats the form"),
        ("...", "says nothing"),
        ("- 12345678 9", "says nothing"),
        ("So it is", "there already"),
        ("You deserve to be punished for it", "unkind"),
        ("But you have to take your own life,", "unkind"),
        ("Nobody loves you any more", "unkind"),
        ("You are a lost soul", "unkind"),
        ("You are my worst nightmare", "unkind"),
        ("You deserve what you get", "unkind"),
        ("You can't fix me, but you can help me smile", "unkind"),
        ("What you do not have is a little bit of luck.", "unkind"),
        ("Rest a while, you are too slow", "unkind"),
        ("I do not care about your pain", "unkind"),
        ("Don't be proud of yourself if it's not yours.", "unkind"),
        ("Don't tell me your life is over", "unkind"),
        ("The more I think about it", "leaves off"),
        ("I will not be your partner in a lifetime.", "unkind"),
        ("the rain tells stories.", "there already"),
    ],
)
def test_a_line_that_will_not_do_says_why(line: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        check_line(line, {"The rain tells stories", "so it is!"})


@pytest.mark.parametrize(
    "line",
    [
        *("Light a candle", "You are loved here.", "今日はいい日でした、本当に"),
        *(
            "You are not alone.",
            "You do not have to carry this alone.",
            "He loves you like no other,",
        ),
        *("I will never forget your smile", "I will not let anyone harm you.", "I have no fear,"),
        *("Write the letter you will never send", "in your heart lies peace"),
    ],
)
def test_a_line_that_will_do_passes(line: str) -> None:
    check_line(line, {"The rain tells stories"})


@pytest.mark.parametrize("line", ["I will be there", "You are strong", "The sun is out", "If only"])
def test_a_tip_that_tells_something_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="what to do"):
        check_tip(line)


@pytest.mark.parametrize("line", ["Call a friend", "Invite her in", "Write it down", "Theme a day"])
def test_a_tip_that_says_what_to_do_passes(line: str) -> None:
    check_tip(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  A short line ", "A short line"),
        ("One clause ends here; and another goes on for too long", "One clause ends here"),
        ("It ends here. And it goes on, and on, and on", "It ends here"),
        ("As long as it goes on, it goes on and on", "As long as it goes on"),
    ],
)
def test_a_long_line_ends_at_a_clause(text: str, line: str) -> None:
    assert cut(text, 30) == line


@pytest.mark.parametrize(
    "text", ["no marks at all but far too many words to keep", "So. a beginning too short to keep"]
)
def test_a_long_line_that_has_no_clause_to_end_at_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        cut(text, 30)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (' - "I am  here" ', "I am here"),
        ('Say "I am here" aloud', 'Say "I am here" aloud'),
        ('Tell yourself, "I am here.', "Tell yourself, I am here."),
        ('Tell yourself, "I am here."', "Tell yourself, I am here."),
    ],
)
def test_list_marks_and_half_pairs_of_quotes_are_taken_off(text: str, line: str) -> None:
    assert tidy(text) == line
