"""What the words of a text say of its feeling, whatever model reads it. Pure but for its files.

`telling_phrases.json` holds what people say when they feel something and mostly do not name it
("funeral", "did it anyway"); `readouts/wording.json` how much such a phrase says, and what single
phrases say beyond that or less, fitted by `python -m tests.bench.fit_readout`. English only: of
other texts it knows no phrase and says nothing.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from attrs import frozen

from refrain_sidecar.enrichment.wheel import WHEEL

MOST_WORDS = 4
# What a denied phrase says, beside what it says itself: "not a good day".
_DENIED = -0.4
_DENYING = frozenset({"not", "never", "no", "without", "hardly", "nor"})
_SHORT = re.compile(r"\b(ca|wo|do|did|does|is|are|was|were|could|would|should|have|has|had)n'?t\b")
_WHOLE = {"ca": "can", "wo": "will"}
_ENDINGS = (("'m", " am"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"))
_WORD = re.compile(r"[^\W_]+|[!?…]")
_SUFFIXES = ("ingly", "edly", "ing", "ed", "es", "s", "ly")
_LEAST_STEM = 3
# The evidence of more words than this is damped: many weak hints of one text are not independent.
_USUAL_WORDS = 25


def stems(text: str) -> list[str]:
    """The words of `text` without their endings, and marks that speak; `n't` is `not`."""
    plain = text.lower().replace("’", "'").replace("cannot", "can not")
    plain = _SHORT.sub(lambda it: f"{_WHOLE.get(it[1], it[1])} not", plain)
    for ending, whole in _ENDINGS:
        plain = plain.replace(ending, whole)
    return [_stem(word) for word in _WORD.findall(plain)]


def _stem(word: str) -> str:
    suffix = next((it for it in _SUFFIXES if word.endswith(it)), "")
    if suffix and len(word) - len(suffix) >= _LEAST_STEM:
        word = word.removesuffix(suffix)
        if len(word) > _LEAST_STEM and word[-1] == word[-2]:
            word = word[:-1]
    return word[:-1] if len(word) > _LEAST_STEM and word[-1] in "ey" else word


# What may stand between a denial and what it denies: "not at all that happy". Without "been", for
# "never been so happy" denies nothing.
_BETWEEN = frozenset(stems("very so really too that quite a the all at any much"))


def phrases(text: str, telling: Mapping[str, object]) -> dict[str, float]:
    """How much each phrase of `text` counts: those denied less than nothing, if they are `telling`.

    A phrase is one to four stems, joined by blanks.
    """
    words = stems(text)
    damped = min(1.0, math.sqrt(_USUAL_WORDS / max(len(words), 1)))
    found: dict[str, float] = {}
    for start in range(len(words)):
        denied = _denied(words, start)
        for end in range(start + 1, min(start + MOST_WORDS, len(words)) + 1):
            phrase = " ".join(words[start:end])
            if denied and phrase in telling and f"not {phrase}" not in telling:
                found.setdefault(phrase, _DENIED * damped)
            else:
                found[phrase] = damped
    return found


def _denied(words: Sequence[str], start: int) -> bool:
    before = start - 1
    while before >= 0 and words[before] in _BETWEEN:
        before -= 1
    return before >= 0 and words[before] in _DENYING


@functools.cache
def telling() -> Mapping[str, tuple[str, ...]]:
    """The primaries each telling phrase speaks for; the wheel's own words are among them."""
    data = json.loads(_file("telling_phrases.json"))["phrases"]
    found: dict[str, tuple[str, ...]] = {}
    for primary in WHEEL.primaries:
        for said in dict.fromkeys(" ".join(stems(it)) for it in data[primary]):
            found[said] = (*found.get(said, ()), primary)
    for word in WHEEL.words:
        found.setdefault(" ".join(stems(word)), (WHEEL.primary_of(word),))
    return found


@frozen
class Wording:
    """What any telling phrase of a primary says for each primary, and `phrases` beyond that.

    Beside the lexicon's reading of what a model of an unknown family says, whose scores count
    `lexicon` times, these count `beside` times.
    """

    telling: Mapping[str, Sequence[float]]
    phrases: Mapping[str, Sequence[float]]
    lexicon: float
    beside: float

    def scores(self, text: str) -> dict[str, float]:
        """What `text` says for each primary, as log-odds; all 0 where it says nothing."""
        found = [0.0] * len(WHEEL.primaries)
        for phrase, count in phrases(text, telling()).items():
            rows = [self.telling[primary] for primary in telling().get(phrase, ())]
            for row in (*rows, *filter(None, [self.phrases.get(phrase)])):
                found = [score + count * weight for score, weight in zip(found, row, strict=True)]
        return dict(zip(WHEEL.primaries, found, strict=True))


@functools.cache
def wording() -> Wording:
    """The one that was fitted to the tuning sets."""
    data = json.loads(_file("readouts", "wording.json"))
    return Wording(data["telling"], data["phrases"], data["lexicon"], data["beside"])


def _file(*names: str) -> str:
    return files("refrain_sidecar.enrichment.stage1").joinpath(*names).read_text("utf-8")
