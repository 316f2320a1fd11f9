"""From evidence to a place: always on the wheel, probabilities that sum to 1."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.enrichment.lexicon import PLACES
from refrain_sidecar.enrichment.stage1.readout import Readout
from refrain_sidecar.enrichment.stage1.scoring import PLAUSIBLE_WORDS, at, scored
from refrain_sidecar.enrichment.wheel import WHEEL, Place

# Far from all that is heard below, so that what is heard lifts. The last is of the reader.
USUAL = [{f" {word}": -50.0 for word in PLACES}] * 3


def _heard(seed: int, spread: float) -> list[dict[str, float]]:
    draw = random.Random(seed)
    words = draw.sample(sorted(PLACES), 40)
    return [{f" {word}": -abs(draw.gauss(0, spread)) for word in words} for _ in USUAL]


anything = st.builds(_heard, st.integers(), st.floats(0, 40))


def _readout(seed: int) -> Readout:
    draw = random.Random(seed)
    row = {token: [draw.gauss(0, 0.1) for _ in WHEEL.primaries] for token in USUAL[0]}
    return Readout((row, row, row), tuple(USUAL), [0.0] * len(WHEEL.primaries), 1.0, 1.0)


@given(anything, st.one_of(st.none(), st.builds(_readout, st.integers())))
def test_whatever_is_heard_the_place_is_on_the_wheel(
    heard: list[dict[str, float]], readout: Readout | None
) -> None:
    found = scored("", heard, USUAL, readout)
    assert WHEEL.has(found.place)
    assert math.isclose(sum(found.scores.values()), 1)
    assert all(0 <= score <= 1 for score in found.scores.values())
    assert found.confidence == max(found.scores.values())
    assert -1 <= found.valence <= 1
    assert 0 <= found.arousal <= 1
    assert found.plausible[:2] == (found.place.tertiary, found.place.secondary)
    assert len(set(found.plausible)) == len(found.plausible) == PLAUSIBLE_WORDS
    scores = dict(found.scores)
    assert json.loads(json.dumps(scores)) == scores


@pytest.mark.parametrize("place", tuple(WHEEL.places), ids=str)
def test_what_is_said_of_one_place_is_followed_down_the_rings(place: Place) -> None:
    heard = {f" {place.primary}": -3.0, f" {place.secondary}": -2.0, f" {place.tertiary}": -1.0}
    found = scored("", [heard, heard, {}], USUAL, None)
    assert found.place == place
    assert found.confidence > 0.8
    assert found.plausible[0] == place.tertiary


def test_what_a_reader_will_feel_counts_for_a_readout_only() -> None:
    heard = [{" lonely": -9.0}, {" lonely": -9.0}, {" outraged": -1.0}]
    assert scored("", heard, USUAL, None).place == scored("", [*heard[:2], {}], USUAL, None).place
    row = {
        " outraged": [9.0 if name == "angry" else 0.0 for name in WHEEL.primaries],
        " x": [0] * 6,
    }
    usual = {" outraged": -20.0, " x": -1.0}
    of_the_reader = Readout(({}, {}, row), ({}, {}, usual), [0.0] * len(WHEEL.primaries), 1.0, 1.0)
    assert scored("", heard, USUAL, of_the_reader).place.primary == "angry"


def test_what_is_said_of_nothing_leaves_every_primary_as_likely() -> None:
    scores = scored("", [{" the": -1.0}] * 3, [{" the": -1.0}] * 3, None).scores
    assert max(scores.values()) - min(scores.values()) < 0.001


def test_a_readout_decides_the_primary_and_the_lexicon_the_rest() -> None:
    heard = [{" lonely": -1.0, " outraged": -1.5}] * 3
    assert scored("", heard, USUAL, None).place.primary == "sad"
    towards = [5.0 if name == "angry" else 0.0 for name in WHEEL.primaries]
    fitted = Readout(({}, {}, {}), ({}, {}, {}), towards, 1.0, 1.0)
    assert scored("", heard, USUAL, fitted).place == WHEEL.place("outraged")


def test_a_named_place_keeps_its_confidence_and_spreads_the_rest() -> None:
    found = at(Place("sad", "lonely", "alone"), 0.4)
    assert found.scores["sad"] == found.confidence == 0.4
    assert {found.scores[name] for name in WHEEL.primaries if name != "sad"} == {0.12}
    assert found.plausible[0] == "alone"


def test_words_of_the_text_count_beside_what_is_heard_and_more_where_that_says_nothing() -> None:
    text = "We buried my grandmother, and I cried at her grave."
    silence = [{" the": -1.0}] * 3
    by_words = scored(text, silence, silence, None)
    assert by_words.place.primary == "sad"
    heard = [{" outraged": -1.0}, {" outraged": -1.0}, {}]
    assert (
        scored("", heard, USUAL, None).scores["sad"]
        < scored(text, heard, USUAL, None).scores["sad"]
    )
    deaf = Readout(({}, {}, {}), ({}, {}, {}), [0.0] * len(WHEEL.primaries), 1.0, 0.0)
    scores = scored(text, silence, silence, deaf).scores
    assert max(scores.values()) - min(scores.values()) < 0.001
