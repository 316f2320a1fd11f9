"""How evidence becomes probabilities: the same for every model, or fitted to one.

A fitted readout lies in `readouts/`, named for the first 12 digits of its model's digest, and
belongs to one scoring prompt. `python -m tests.bench.fit_readout` makes it from the tuning set.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib.resources import files

from attrs import frozen

from refrain_sidecar.enrichment.wheel import WHEEL

DIGEST_DIGITS = 12
# Sharpness of the plain readout: the factor on a primary's mean evidence that makes its
# probabilities honest on the tuning set with SmolLM2-135M. Other models get it unchecked.
PLAIN_SCALE = 2.0


@frozen
class Readout:
    """Weights from each word's evidence to each primary's score.

    `baseline` is the model's content-free log-probabilities where they are known beforehand, and
    `usual` the mean evidence of each word over ordinary texts; `temperature` flattens the scores.
    """

    weights: Mapping[str, Mapping[str, float]]
    bias: Mapping[str, float]
    temperature: float
    usual: Mapping[str, float]
    baseline: Mapping[str, float] | None


@functools.cache
def plain() -> Readout:
    """Every word of a primary counts alike; nothing is known about the model."""
    share = PLAIN_SCALE / len(WHEEL.words_of(WHEEL.primaries[0]))
    return Readout(
        weights={
            primary: dict.fromkeys(WHEEL.words_of(primary), share) for primary in WHEEL.primaries
        },
        bias=dict.fromkeys(WHEEL.primaries, 0.0),
        temperature=1.0,
        usual=dict.fromkeys(WHEEL.words, 0.0),
        baseline=None,
    )


@functools.cache
def fitted(digest: str, prompt_hash: str) -> Readout | None:
    """The readout fitted to the model of `digest` under a scoring prompt, or None."""
    name = f"{digest.removeprefix('sha256:')[:DIGEST_DIGITS]}.json"
    file = files("refrain_sidecar.enrichment.stage1").joinpath("readouts", name)
    if not file.is_file():
        return None
    data = json.loads(file.read_text("utf-8"))
    if data["prompt"] != prompt_hash or data["words"] != list(WHEEL.words):
        return None
    words = data["words"]
    return Readout(
        weights={
            primary: dict(zip(words, row, strict=True)) for primary, row in data["weights"].items()
        },
        bias=data["bias"],
        temperature=data["temperature"],
        usual=dict(zip(words, data["usual"], strict=True)),
        baseline=dict(zip(words, data["baseline"], strict=True)),
    )
