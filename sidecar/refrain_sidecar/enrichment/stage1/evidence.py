"""How much a text speaks for each word of the wheel. Pure.

A model likes some words whatever it reads ("happy"). So what it gives a word on texts that say
nothing is taken off what it gives it here: the rest is evidence. After Zhao et al., "Calibrate
Before Use" (2021), in log space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

# Texts without content, on which a model shows its leanings.
CONTENT_FREE = ("N/A", "", "…", "[text]", "Some text.", "abc", "Text")
# A shorter beginning says too little about the word: " m" begins hundreds.
MIN_PREFIX = 3

Logprobs = Mapping[str, float]


def evidence(found: Logprobs, baseline: Logprobs) -> dict[str, float]:
    """Log-probability beyond the baseline for each word of `baseline`, centred on their mean."""
    raw = {word: found[word] - usual for word, usual in baseline.items()}
    mean = fmean(raw.values())
    return {word: value - mean for word, value in raw.items()}


def baseline(observed: Sequence[Logprobs]) -> dict[str, float]:
    """The mean log-probability of each word over several content-free texts."""
    return {word: fmean(one[word] for one in observed) for word in observed[0]}


def from_top(top: Iterable[tuple[str, float]], words: Iterable[str]) -> dict[str, float] | None:
    """The log-probability of each word as far as a list of likeliest tokens shows it.

    A token counts for each word it begins. Words not in sight get the list's lowest value, which
    is more than they have. None when the list shows no word at all.
    """
    tokens = [(token.strip().lower(), logprob) for token, logprob in top]
    if not tokens:
        return None
    lowest = min(logprob for _, logprob in tokens)
    found: dict[str, float] = {}
    seen = False
    for word in words:
        begins = [
            logprob
            for token, logprob in tokens
            if len(token) >= MIN_PREFIX and word.startswith(token)
        ]
        seen = seen or bool(begins)
        found[word] = max(begins, default=lowest)
    return found if seen else None
