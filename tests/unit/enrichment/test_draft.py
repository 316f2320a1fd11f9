"""A page while it is written: what is taken, what stays open, and what fills it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.enrichment.stage2.draft import BLOCKS, CHARS, Draft, block_of
from refrain_sidecar.enrichment.stage2.writing import check_writing

POEM = ["The lamp is lit along the stair,", "a kettle hums its single note,", "and warm is all."]
TIPS = ["Call the friend you thought of", "Walk once around the pond", "Sleep an hour earlier"]
CLOSING = "What you carry is seen."
PAGE = [*POEM, *TIPS, CLOSING]


def told(draft_of: list[tuple[int, str]], *, shown: tuple[str, ...] = ()) -> Draft:
    return Draft(shown, lambda at, line: draft_of.append((at, line)))


def read(draft: Draft, text: str) -> bool:
    """Whether it goes on after all lines of `text`."""
    return all(draft.read(line) for line in text.strip("\n").split("\n"))


def whole(**heads: str) -> str:
    """A whole page, as a model goes on after "Poem 1."."""
    tips, closing = heads.get("tips", "Tips"), heads.get("closing", "Closing:")
    numbered = [f"{at}. {line}" for at, line in enumerate(TIPS, 1)]
    return "\n".join(
        [f" {POEM[0]}", f"2. {POEM[1]}", f"3. {POEM[2]}", tips, *numbered, f"{closing} {CLOSING}"]
    )


def test_a_whole_page_is_told_line_by_line_in_order() -> None:
    heard: list[tuple[int, str]] = []
    draft = told(heard)
    assert draft.open == 0
    assert read(draft, whole())
    assert heard == list(enumerate(PAGE))
    assert (draft.open, draft.before, draft.fault) == (None, PAGE, "")
    assert not draft.read("and one line more")
    written = draft.written("calm")
    check_writing(written)
    assert written == {"poem": POEM, "tips": TIPS, "closing": CLOSING, "tone": "calm"}


@pytest.mark.parametrize(
    ("tips", "closing"),
    [
        ("Tips:", "Closing:"),
        ("**Tips**", "**Closing:**"),
        ("### TIPS", "### Closing -"),
        ("\nTips\n", "\nClosing\n"),
        ("- tips -", "> closing:"),
        ("", "Closing:"),
    ],
)
def test_headings_are_known_in_odd_forms(tips: str, closing: str) -> None:
    draft = Draft(())
    read(draft, whole(tips=tips, closing=closing))
    if tips:
        assert draft.before == PAGE
    else:
        assert draft.before == POEM, "without a heading they are lines of the poem too many"


def test_a_first_tip_beside_its_heading_is_taken() -> None:
    draft = Draft(())
    read(draft, f"Tips: 1) {TIPS[0]}\n2) {TIPS[1]}")
    assert draft.lines[3:5] == TIPS[:2]


@pytest.mark.parametrize("mark", ["a.", "b)", "c:", "3.", " 2)", "4", " 5 "])
def test_only_a_mark_at_its_beginning_is_taken_off_a_tip(mark: str) -> None:
    draft = Draft(())
    read(draft, f"Tips\n{mark} Walk at 5. Look at the wide world.")
    assert draft.lines[3] == "Walk at 5. Look at the wide world."


def test_a_question_closes_a_page_only_at_last() -> None:
    draft = Draft(())
    read(draft, whole().replace(CLOSING, "What do you want to hear?"))
    assert (draft.open, "closes nothing" in draft.fault) == (6, True)
    draft.settle()
    assert draft.lines[6] == "What do you want to hear?"


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("...", "says nothing"),
        ("You are worthless to them", "unkind"),
        (POEM[0].upper(), "there already"),
        ("This poem is nearly over", "repeats the form"),
    ],
)
def test_a_bad_line_is_passed_over_and_leaves_the_last_place_of_its_block_open(
    bad: str, fault: str
) -> None:
    draft = Draft(())
    lines = whole().split("\n")
    read(draft, "\n".join([lines[0], f"2. {bad}", *lines[2:]]))
    assert fault in draft.fault
    assert draft.open == 2
    assert draft.before == [POEM[0], POEM[2]]
    assert draft.lines[3:] == [*TIPS, CLOSING], "the rest is kept"
    draft.settle()
    assert draft.open == 2, "what is bad fills nothing"
    draft.begin(2)
    draft.read(f" {POEM[1]}")
    assert draft.open is None


def test_a_line_that_ends_nowhere_in_time_is_shortened_only_at_last() -> None:
    draft = Draft(())
    lines = whole().split("\n")
    read(draft, "\n".join([lines[0], "2. " + "lanterns " * 20, *lines[2:]]))
    assert "too long" in draft.fault
    assert draft.before == [POEM[0], POEM[2]]
    draft.settle()
    assert draft.lines[2] == "lanterns " * 5 + "lanterns"


def test_what_fills_a_hole_leaves_what_is_there() -> None:
    draft = Draft(())
    read(draft, "\n".join(["Tips", *TIPS[:2], "Closing", CLOSING]))
    assert draft.open == 0
    draft.begin(0)
    read(draft, "\n".join(POEM))
    assert (draft.open, draft.before) == (5, [*POEM, *TIPS[:2]])
    draft.begin(5)
    read(draft, f"{TIPS[2]}\nCall nobody at all today")
    assert draft.before == PAGE


def test_a_second_page_fills_what_the_first_left_open() -> None:
    draft = Draft(())
    read(draft, "\n".join([POEM[0], "Tips", *TIPS, f"Closing: {CLOSING}", "Poem", *POEM[1:]]))
    assert draft.before == PAGE


def test_lines_after_the_closing_end_it() -> None:
    draft = Draft(())
    read(draft, whole())
    assert not draft.read("And then I said something else.")
    assert draft.before == PAGE


def test_what_was_shown_and_tips_that_tell_are_taken_only_at_last() -> None:
    heard: list[tuple[int, str]] = []
    draft = told(heard, shown=(POEM[0], CLOSING))
    read(draft, "\n".join([*POEM, "Tips", "I am your friend", *TIPS[1:], f"Closing: {CLOSING}"]))
    assert draft.before == POEM[1:]
    assert "there already" in draft.fault
    assert [at for at, _ in heard] == [0, 1, 3, 4]
    draft.settle()
    assert draft.open is None
    assert draft.written("warm")["poem"] == [*POEM[1:], POEM[0].rstrip(",")]
    assert draft.written("warm")["tips"] == [*TIPS[1:], "I am your friend"]
    assert [at for at, _ in heard] == [0, 1, 3, 4, 2, 5, 6], "each place is told of once"


def test_what_comes_better_goes_before_what_was_poor() -> None:
    draft = Draft((POEM[0],))
    read(draft, "\n".join([*POEM, "Another line to end it."]))
    assert draft.lines[:3] == [*POEM[1:], "Another line to end it."]
    draft.settle()
    assert draft.lines[2] == "Another line to end it."


def test_what_ends_a_part_ends_without_a_comma() -> None:
    draft = Draft(())
    lines = [f"{line.rstrip('.,')}," for line in PAGE]
    read(draft, "\n".join([*lines[:3], "Tips", *lines[3:6], "Closing", lines[6]]))
    written = draft.written("warm")
    assert [line.endswith(",") for line in written["poem"]] == [True, True, False]
    assert not any(line.endswith(",") for line in (*written["tips"], written["closing"]))


@pytest.mark.parametrize("short", ["Breathe,", "...re; : —", "Rest ;;;;;"])
def test_what_is_too_short_without_its_end_is_no_line(short: str) -> None:
    draft = Draft(())
    read(draft, "\n".join([*POEM, "Tips", short, *TIPS[1:], f"Closing: {CLOSING}"]))
    assert "says nothing" in draft.fault
    assert draft.open == 5


def test_every_place_is_in_one_block() -> None:
    assert [at for block in BLOCKS.values() for at in block] == list(range(len(CHARS)))
    assert [len(block_of(at)) for at in range(len(CHARS))] == [3, 3, 3, 3, 3, 3, 1]


MODEL_LINES = st.one_of(
    st.text(max_size=90),
    st.sampled_from(["Poem", "Tips", "Closing:", "Tone: warm", "2.", "3", "", *PAGE]),
)


@given(st.lists(MODEL_LINES, max_size=40), st.integers(0, 6))
def test_whatever_a_model_writes_a_filled_page_is_one_that_may_be_kept(
    lines: list[str], at: int
) -> None:
    draft = Draft((POEM[0],))
    draft.begin(at)
    for line in lines:
        for one in line.split("\n"):
            draft.read(one)
    draft.settle()
    assert all(len(line) <= chars for line, chars in zip(draft.lines, CHARS, strict=True) if line)
    if draft.open is None:
        check_writing(draft.written("calm"))
