"""The wheel's shape: six by six by six, every word once."""

import re

import pytest

from refrain_sidecar.enrichment.wheel import SIDES, WHEEL, Place


def test_six_by_six_by_six() -> None:
    assert WHEEL.primaries == ("happy", "strong", "peaceful", "sad", "angry", "fearful")
    assert all(len(ring) == SIDES for ring in WHEEL.rings.values())
    assert all(len(secondary.tertiaries) == SIDES for secondary in WHEEL.secondaries)
    assert len(WHEEL.tertiaries) == 216


def test_every_word_occurs_once_whatever_its_ring() -> None:
    assert len(WHEEL.words) == len(set(WHEEL.words)) == 6 + 36 + 216


@pytest.mark.parametrize("word", WHEEL.words)
def test_words_are_single_and_lower_case(word: str) -> None:
    assert re.fullmatch(r"[a-z]+", word)


def test_grateful_is_a_secondary_of_happy() -> None:
    assert "grateful" in [secondary.name for secondary in WHEEL.rings["happy"]]


def test_valence_and_arousal_are_in_range_and_on_their_side() -> None:
    for secondary in WHEEL.secondaries:
        assert -1 <= secondary.valence <= 1
        assert 0 <= secondary.arousal <= 1
        pleasant = secondary.primary in ("happy", "strong", "peaceful")
        assert (secondary.valence > 0) is pleasant


def test_a_tertiary_knows_its_place() -> None:
    assert WHEEL.place("thankful") == Place("happy", "grateful", "thankful")
    assert str(WHEEL.place("thankful")) == "happy/grateful/thankful"


def test_words_that_do_not_belong_together_are_no_place() -> None:
    assert WHEEL.has(Place("happy", "grateful", "thankful"))
    assert not WHEEL.has(Place("sad", "grateful", "thankful"))
    assert not WHEEL.has(Place("happy", "grateful", "lonely"))
