"""What an event may be: whole clauses of the text, each once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.enrichment.stage1.clauses import MOST_HEAD, MOST_TAIL, clauses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "The deadline moved up again and nobody asked me. I could scream.",
            ("The deadline moved up again", "nobody asked me", "I could scream"),
        ),
        (
            "I keep waiting; the doctor has not called - and I cannot sleep.",
            ("I keep waiting", "the doctor has not called", "I cannot sleep"),
        ),
        (
            "今日はとても楽しかった。友達と海に行った。",
            ("今日はとても楽しかった", "友達と海に行った"),
        ),
        ('He said: "Never again!"', ("He said", "Never again")),
        ("“He said I was “fine” today”", ("He said I was",)),
        ("It says “I am unstoppable”", ("It says “I am unstoppable”",)),
        ("She told me “no, never again”", ("She told me", "never again")),
        ("return “I am unstoppable", ("I am unstoppable",)),
        ("We won. We won. We won.", ()),
        ("It rained, it rained, it rained!", ("it rained",)),
        ("A self-made man's half-truth", ("A self-made man's half-truth",)),
        ("A grand slam! And so the season ended.", ("A grand slam", "the season ended")),
        ("I left, because he lied.", ("he lied",)),
        (
            "When it was my turn I put them on the table.",
            ("When it was my turn I put them on the table",),
        ),
        ("The house is so empty.", ("The house is so empty",)),
        ("He never called so I left, so tired.", ("He never called", "so tired")),
        ("I left so that nobody would see.", ("I left so that nobody would see",)),
        ("ok", ()),
        ("12345 !!! 😡", ()),
    ],
)
def test_clauses(text: str, found: tuple[str, ...]) -> None:
    assert clauses(text) == found


def test_of_a_long_text_the_beginning_and_the_end_are_offered() -> None:
    text = ". ".join(f"Then came visitor {number:03d}" for number in range(200))
    found = clauses(text)
    assert len(found) == MOST_HEAD + MOST_TAIL
    assert (found[0], found[-1]) == ("Then came visitor 000", "Then came visitor 199")


@given(st.text(max_size=300))
def test_every_clause_is_in_the_text(text: str) -> None:
    flat = " ".join(text.split())
    assert all(clause in flat for clause in clauses(text))
