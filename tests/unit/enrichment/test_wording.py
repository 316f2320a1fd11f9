"""What the words of a text say of its feeling, without any model."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.enrichment.stage1.wording import phrases, stems, telling, wording
from refrain_sidecar.enrichment.wheel import WHEEL

DATA = Path(__file__).parents[2] / "bench" / "data"
TELLING = {"good day": ()}
# Chance is one in six. Measured: 0.79 and 0.51, and a model is asked besides.
FLOORS = {"emotion_heldout": 0.7, "emotion_unseen": 0.42}


def likeliest(text: str) -> str:
    scores = wording().scores(text)
    return max(scores, key=lambda name: scores[name])


def test_words_lose_their_endings_and_short_forms_are_written_out() -> None:
    assert stems("I'm crying, I can't stop!") == ["i", "am", "cry", "i", "can", "not", "stop", "!"]
    assert stems("He wont, and she doesn’t.") == ["he", "will", "not", "and", "she", "does", "not"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A good day", 1.0),
        ("Not a good day", -0.4),
        ("It was not at all a good day", -0.4),
        ("Not once, and then a good day", 1.0),
        ("Never a good day, and yet a good day", 1.0),
    ],
)
def test_what_is_denied_counts_against(text: str, count: float) -> None:
    assert phrases(text, {"good day": ()})["good day"] == count


def test_a_denial_that_tells_by_itself_is_not_turned_round() -> None:
    known = {"afraid": (), "not afraid": ()}
    found = phrases("I am not afraid", known)
    assert found["not afraid"] == found["afraid"] == 1.0


def test_hints_of_a_long_text_are_damped() -> None:
    text = "happy " + "word " * 99
    assert phrases(text, TELLING)["happ"] == pytest.approx(0.5)


@given(st.text())
def test_any_text_has_six_finite_scores(text: str) -> None:
    scores = wording().scores(text)
    assert tuple(scores) == WHEEL.primaries
    assert all(map(math.isfinite, scores.values()))


@pytest.mark.parametrize("text", ["", "12.5 %", "今日は友達と公園へ行きました", "Жил-был пёс"])
def test_a_text_without_a_known_phrase_says_nothing(text: str) -> None:
    assert set(wording().scores(text).values()) == {0.0}


def test_denying_a_feeling_takes_it_back() -> None:
    assert wording().scores("I am lonely")["sad"] > 0 > wording().scores("I am not lonely")["sad"]


def test_every_phrase_is_short_enough_to_be_found_and_every_primary_has_hundreds() -> None:
    assert all(1 <= len(said.split()) <= 4 for said in telling())
    for primary in WHEEL.primaries:
        assert sum(primary in spoken for spoken in telling().values()) > 500


@pytest.mark.parametrize("name", FLOORS)
def test_words_alone_are_right_more_often_than_not_on_sentences_never_fitted_to(name: str) -> None:
    rows = [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()]
    right = sum(likeliest(row["text"]) == row["label"] for row in rows)
    assert right / len(rows) >= FLOORS[name]
