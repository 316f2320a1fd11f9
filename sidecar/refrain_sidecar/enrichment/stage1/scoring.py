"""From evidence to a place on the wheel: primary, then secondary, then tertiary. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from refrain_sidecar.enrichment.stage1.evidence import Heard, Logprobs, lifts, secondaries
from refrain_sidecar.enrichment.stage1.readout import Readout
from refrain_sidecar.enrichment.stage1.wording import wording
from refrain_sidecar.enrichment.wheel import WHEEL, Place, Secondary

# Below this the primary is more likely wrong than right.
LOW_CONFIDENCE = 0.5
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


def scored(text: str, heard: Heard, usual: Sequence[Logprobs], readout: Readout | None) -> Scored:
    """Where its own words, and what was heard, by `readout` or by the lexicon, put a text."""
    # Of the writer; what a reader will feel is evidence for a readout only.
    spoken_for = secondaries(heard[:-1], usual[:-1])
    by_model = readout.scores(heard) if readout else _by_lexicon(spoken_for)
    beside = readout.beside if readout else wording().beside
    by_words = wording().scores(text)
    scores = _softmax({name: it + beside * by_words[name] for name, it in by_model.items()})
    lift = lifts(heard[:-1], usual[:-1])
    primary = max(scores, key=lambda name: scores[name])
    secondary = max(WHEEL.rings[primary], key=lambda it: spoken_for[it.name])
    tertiary = max(secondary.tertiaries, key=lambda word: lift[word])
    shares = _shares(scores, spoken_for)
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


def _by_lexicon(spoken_for: Mapping[str, float]) -> dict[str, float]:
    """Each primary's share of all that was said, as a score."""
    said = {
        primary: sum(spoken_for[it.name] for it in ring) for primary, ring in WHEEL.rings.items()
    }
    whole = sum(said.values()) or 1.0
    return {primary: wording().lexicon * it / whole for primary, it in said.items()}


def _shares(scores: Mapping[str, float], spoken_for: Mapping[str, float]) -> dict[Secondary, float]:
    """Each secondary's probability: its primary's, shared out by what speaks for the siblings."""
    shares: dict[Secondary, float] = {}
    for primary, ring in WHEEL.rings.items():
        # One more for each, so that silence is shared out evenly.
        whole = sum(spoken_for[it.name] + 1 for it in ring)
        shares |= {it: scores[primary] * (spoken_for[it.name] + 1) / whole for it in ring}
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


def _softmax(scores: Mapping[str, float]) -> dict[str, float]:
    top = max(scores.values())
    powers = {name: math.exp(score - top) for name, score in scores.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Four digits that still sum to 1: what cutting loses goes to the likeliest, which stays so."""
    top = max(scores, key=lambda name: scores[name])
    cut = {name: math.floor(score * _STEPS) for name, score in scores.items()}
    cut[top] += _STEPS - sum(cut.values())
    return {name: steps / _STEPS for name, steps in cut.items()}
