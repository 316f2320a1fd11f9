"""What a model's next tokens say of the feelings of a text. Pure.

A model likes some words whatever it reads ("happy"). So what it gives a token on ordinary texts is
taken off what it gives it here: the rest is evidence. After Zhao et al., "Calibrate Before Use"
(2021), in log space; their content-free texts tell less of the leaning than ordinary ones.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from statistics import fmean

from refrain_sidecar.enrichment.lexicon import PLACES
from refrain_sidecar.enrichment.wheel import WHEEL

# Ordinary texts, as many of each primary.
ORDINARY = (
    "My brother flew in from Lisbon just to be at my birthday.",
    "Snow day! We built a fort and threw things at the neighbours.",
    "I told the landlord no, and this time I did not take it back.",
    "After months of practice I can play the whole piece by heart.",
    "The children are asleep, the dishes are done, the window is open.",
    "I have stopped asking why it happened; it is all right as it is.",
    "I keep setting two plates on the table out of habit.",
    "Another day in bed. I cannot see what I would get up for.",
    "They sold my bike without asking and call it a favour.",
    "My colleague took the credit again and everybody clapped for him.",
    "What if they find out that I have no idea what I am doing?",
    "The car behind me has taken every turn that I took.",
)
# A shorter beginning says too little about the word: " m" begins hundreds.
_LEAST = 4
# Beginnings of many words of all kinds.
_OF_ALL_KINDS = frozenset({"over", "under", "self", "with", "inter", "well", "good", "some"})

Logprobs = Mapping[str, float]
Heard = Sequence[Logprobs]
"""For each beginning that was shown, the log-probability of each token that may go on."""


def begins(token: str, word: str) -> bool:
    """Whether a token says `word`, or enough of its beginning."""
    said = _plain(token)
    return said == word or (
        len(said) >= _LEAST and said not in _OF_ALL_KINDS and word.startswith(said)
    )


def leaning(heard: Sequence[Heard]) -> tuple[dict[str, float], ...]:
    """What a model gives each token on ordinary texts: the mean, for each beginning.

    A token out of sight there has what the least likely one in sight had.
    """
    found = []
    for texts in zip(*heard, strict=True):
        tokens = {token for logprobs in texts for token in logprobs}
        lowest = [_lowest(logprobs) for logprobs in texts]
        found.append(
            {
                token: fmean(it.get(token, low) for it, low in zip(texts, lowest, strict=True))
                for token in sorted(tokens)
            }
        )
    return tuple(found)


def secondaries(heard: Heard, usual: Sequence[Logprobs]) -> dict[str, float]:
    """How much the tokens speak for each secondary, beyond what they always do (≥ 0)."""
    found = dict.fromkeys((secondary.name for secondary in WHEEL.secondaries), 0.0)
    for logprobs, leans in zip(heard, usual, strict=True):
        lowest = _lowest(leans)
        for token, logprob in logprobs.items():
            lift = logprob - leans.get(token, lowest)
            if lift > 0:
                for name, strength in _speaks_for(_plain(token)).items():
                    found[name] += lift * strength
    return found


def lifts(heard: Heard, usual: Sequence[Logprobs]) -> dict[str, float]:
    """How much each word of the wheel is said beyond what it always is, by any beginning (≥ 0)."""
    found = dict.fromkeys(WHEEL.words, 0.0)
    for logprobs, leans in zip(heard, usual, strict=True):
        lowest = _lowest(leans)
        for token, logprob in logprobs.items():
            lift = logprob - leans.get(token, lowest)
            if lift > 0:
                for word in _of_the_wheel(_plain(token)):
                    found[word] = max(found[word], lift)
    return found


@functools.lru_cache(maxsize=4096)
def _of_the_wheel(said: str) -> tuple[str, ...]:
    return tuple(word for word in WHEEL.words if begins(said, word))


@functools.lru_cache(maxsize=4096)
def _speaks_for(said: str) -> Mapping[str, float]:
    if said in PLACES:
        return PLACES[said]
    words = [word for word in PLACES if begins(said, word)]
    shared: dict[str, float] = {}
    for word in words:
        for name, strength in PLACES[word].items():
            shared[name] = shared.get(name, 0.0) + strength / len(words)
    return shared


def _plain(token: str) -> str:
    return token.strip().lower()


def _lowest(logprobs: Logprobs) -> float:
    return min(logprobs.values(), default=0.0)
