"""Fit what the words of a text say of its feeling: part of `fit_readout`, needs no engine.

Logistic regression on the phrases of the tuning sentences, and on how many of them tell of each
primary; so a phrase that no sentence has says what telling phrases say on average.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from refrain_sidecar.enrichment.stage1.wording import phrases, telling
from refrain_sidecar.enrichment.wheel import WHEEL

# Strength of the prior that all weights are 0: best of several by cross-validation.
C = 0.1
# Phrases that are not telling need to be seen so often, by their number of words.
LEAST_SEEN = {1: 2, 2: 3}
# What one phrase says beyond this is worth its place in the file; leaving out the rest changed
# nothing.
LEAST_WEIGHT = 0.15

Table = NDArray[np.float64]


def features(texts: Sequence[str]) -> tuple[list[str], Table]:
    """The phrases worth a weight, and a row a text: how much each counts, then each primary's."""
    found = [phrases(text, telling()) for text in texts]
    counts = Counter(phrase for one in found for phrase in one)
    known = [phrase for phrase, count in counts.items() if _worth(phrase, count)]
    single = np.array([[one.get(phrase, 0.0) for phrase in known] for one in found])
    primaries = np.array(
        [
            [
                sum(count for phrase, count in one.items() if primary in telling().get(phrase, ()))
                for primary in WHEEL.primaries
            ]
            for one in found
        ]
    )
    return known, np.concatenate([single, primaries], axis=1)


def _worth(phrase: str, count: int) -> bool:
    return phrase in telling() or count >= LEAST_SEEN.get(len(phrase.split()), count + 1)


def fit_wording(
    texts: Sequence[str], labels: Table, folds: StratifiedKFold
) -> tuple[dict[str, object], Table]:
    """What the readout's file says, and the scores of texts that were not fitted to."""
    known, seen = features(texts)
    # No intercept: a text without any phrase says nothing.
    model = LogisticRegression(C=C, max_iter=500, fit_intercept=False)
    unseen = cross_val_predict(model, seen, labels, cv=folds, method="decision_function")
    model.fit(seen, labels)
    single, primaries = np.split(model.coef_.T, [len(known)])
    data: dict[str, object] = {
        "telling": {
            primary: [round(float(w), 3) for w in row]
            for primary, row in zip(WHEEL.primaries, primaries, strict=True)
        },
        "phrases": {
            phrase: [round(float(w), 2) for w in row]
            for phrase, row in sorted(zip(known, single, strict=True))
            if np.abs(row).max() > LEAST_WEIGHT
        },
    }
    return data, unseen
