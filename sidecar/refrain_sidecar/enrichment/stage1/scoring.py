"""From evidence to a place on the wheel: primary, then secondary, then tertiary. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from attrs import frozen

from refrain_sidecar.enrichment.stage1.readout import Readout
from refrain_sidecar.enrichment.wheel import WHEEL, Place, Secondary

# Below this the primary is more likely wrong than right.
LOW_CONFIDENCE = 0.5
# How much a secondary's own name counts beside the mean of its seven words: best of 0, ¼, ½, ¾, 1
# on the tuning set (0.65, 0.69, 0.71, 0.68, 0.64 right).
_OWN_NAME = 0.5
# Beside the first choice, so many of the secondary's siblings may be named as invoked or expressed.
PLAUSIBLE_WORDS = 12
_STEPS = 10_000


@frozen
class Scored:
    """A place with the primaries' probabilities (sum 1); `plausible` words, likeliest first."""

    place: Place
    scores: Mapping[str, float]
    valence: float
    arousal: float
    plausible: tuple[str, ...]

    @property
    def confidence(self) -> float:
        return self.scores[self.place.primary]


def scored(evidence: Mapping[str, float], readout: Readout) -> Scored:
    """Where `evidence` (centred log-probability ratios, one for each word) puts a text."""
    scores = _softmax(
        {
            primary: readout.bias[primary]
            + sum(weight * evidence[word] for word, weight in readout.weights[primary].items())
            for primary in WHEEL.primaries
        },
        readout.temperature,
    )
    lift = {word: evidence[word] - readout.usual[word] for word in WHEEL.words}
    primary = max(scores, key=lambda name: scores[name])
    within = {secondary.name: _secondary_lift(secondary, lift) for secondary in WHEEL.secondaries}
    secondary = max(WHEEL.rings[primary], key=lambda it: within[it.name])
    tertiary = max(secondary.tertiaries, key=lambda word: lift[word])
    shares = _shares(scores, within)
    return Scored(
        place=Place(primary, secondary.name, tertiary),
        scores=_rounded(scores),
        valence=round(sum(share * it.valence for it, share in shares.items()), 3),
        arousal=round(sum(share * it.arousal for it, share in shares.items()), 3),
        plausible=_plausible(scores, lift, first=(tertiary, secondary.name)),
    )


def at(place: Place, confidence: float) -> Scored:
    """A place that was named rather than measured: the rest is spread evenly."""
    others = (1 - confidence) / (len(WHEEL.primaries) - 1)
    scores = {name: confidence if name == place.primary else others for name in WHEEL.primaries}
    secondary = WHEEL.secondary(place.secondary)
    ring = (word for it in WHEEL.rings[place.primary] for word in it.words)
    words = dict.fromkeys((place.tertiary, *secondary.words, *ring))
    return Scored(
        place,
        _rounded(scores),
        secondary.valence,
        secondary.arousal,
        tuple(words)[:PLAUSIBLE_WORDS],
    )


def _secondary_lift(secondary: Secondary, lift: Mapping[str, float]) -> float:
    mean = sum(lift[word] for word in secondary.words) / len(secondary.words)
    return _OWN_NAME * lift[secondary.name] + (1 - _OWN_NAME) * mean


def _shares(scores: Mapping[str, float], within: Mapping[str, float]) -> dict[Secondary, float]:
    """Each secondary's probability: its primary's, shared out by the siblings' lifts."""
    shares: dict[Secondary, float] = {}
    for primary, ring in WHEEL.rings.items():
        siblings = _softmax({it.name: within[it.name] for it in ring}, 1.0)
        shares |= {it: scores[primary] * siblings[it.name] for it in ring}
    return shares


def _plausible(
    scores: Mapping[str, float], lift: Mapping[str, float], first: Collection[str]
) -> tuple[str, ...]:
    # A word is as plausible as its primary and its own lift together.
    def weight(word: str) -> float:
        return math.log(max(scores[WHEEL.primary_of(word)], 1e-9)) + lift[word]

    named = [word for word in WHEEL.words if word not in WHEEL.rings]
    ranked = sorted(named, key=weight, reverse=True)
    return tuple(dict.fromkeys((*first, *ranked)))[:PLAUSIBLE_WORDS]


def _softmax(scores: Mapping[str, float], temperature: float) -> dict[str, float]:
    top = max(scores.values())
    powers = {name: math.exp((score - top) / temperature) for name, score in scores.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Four digits that still sum to 1: what cutting loses goes to the likeliest, which stays so."""
    top = max(scores, key=lambda name: scores[name])
    cut = {name: math.floor(score * _STEPS) for name, score in scores.items()}
    cut[top] += _STEPS - sum(cut.values())
    return {name: steps / _STEPS for name, steps in cut.items()}
