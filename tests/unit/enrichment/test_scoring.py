"""From evidence to a place: always on the wheel, probabilities that sum to 1."""

import json
import math
import random

from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.enrichment.stage1.readout import plain
from refrain_sidecar.enrichment.stage1.scoring import PLAUSIBLE_WORDS, at, scored
from refrain_sidecar.enrichment.wheel import WHEEL, Place


def _evidence(seed: int, spread: float) -> dict[str, float]:
    draw = random.Random(seed)
    return {word: draw.gauss(0, spread) for word in WHEEL.words}


anything = st.builds(_evidence, st.integers(), st.floats(0, 40))


@given(anything)
def test_whatever_the_evidence_the_place_is_on_the_wheel(evidence: dict[str, float]) -> None:
    found = scored(evidence, plain())
    assert WHEEL.has(found.place)
    assert math.isclose(sum(found.scores.values()), 1)
    assert all(0 <= score <= 1 for score in found.scores.values())
    assert found.confidence == max(found.scores.values())
    assert -1 <= found.valence <= 1
    assert 0 <= found.arousal <= 1
    assert found.plausible[:2] == (found.place.tertiary, found.place.secondary)
    assert len(set(found.plausible)) == len(found.plausible) == PLAUSIBLE_WORDS


@given(anything)
def test_scores_survive_json_unchanged(evidence: dict[str, float]) -> None:
    scores = dict(scored(evidence, plain()).scores)
    assert json.loads(json.dumps(scores)) == scores


def test_evidence_for_one_place_is_followed_down_the_rings() -> None:
    for place in WHEEL.places:
        secondary = WHEEL.secondary(place.secondary)
        evidence = {
            word: 6.0 if word == place.tertiary
            else 4.0 if word in secondary.words
            else 2.0 if word in WHEEL.words_of(place.primary)
            else -1.0
            for word in WHEEL.words
        }  # fmt: skip
        assert scored(evidence, plain()).place == place


def test_a_named_place_keeps_its_confidence_and_spreads_the_rest() -> None:
    found = at(Place("sad", "lonely", "alone"), 0.4)
    assert found.scores["sad"] == found.confidence == 0.4
    assert {found.scores[name] for name in WHEEL.primaries if name != "sad"} == {0.12}
    assert found.plausible[0] == "alone"
