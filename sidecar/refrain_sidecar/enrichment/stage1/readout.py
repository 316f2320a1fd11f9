"""How a known model's next tokens become probabilities of the primaries. Pure but for its files.

A fitted readout lies in `readouts/`, named for the model's family and the way it is heard, and
belongs to one prompt. `python -m tests.bench.fit_readout` makes it from the tuning sets. Of a model
without one, the lexicon alone is asked (`scoring`).
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files

from attrs import frozen

from refrain_sidecar.enrichment.results import Way
from refrain_sidecar.enrichment.stage1.evidence import Heard
from refrain_sidecar.enrichment.wheel import WHEEL

# By how much a token is less likely than this tells nothing.
LEAST = -9.0
_HERE = files("refrain_sidecar.enrichment.stage1")


@frozen
class Readout:
    """Weights from each token's evidence to each primary, for each beginning.

    `usual` is the mean log-probability of each token on the tuning set, `temperature` flattens the
    scores until they are honest on texts the weights were not fitted to. Those of the text's own
    words (`wording`) count `beside` times.
    """

    weights: tuple[Mapping[str, Sequence[float]], ...]
    usual: tuple[Mapping[str, float], ...]
    bias: Sequence[float]
    temperature: float
    beside: float

    def scores(self, heard: Heard) -> dict[str, float]:
        """The primaries' scores, whose softmax is their probabilities."""
        found = list(self.bias)
        for logprobs, weights, usual in zip(heard, self.weights, self.usual, strict=True):
            for token, logprob in centred(logprobs, usual).items():
                for at, weight in enumerate(weights[token]):
                    found[at] += weight * logprob
        return {
            primary: score / self.temperature
            for primary, score in zip(WHEEL.primaries, found, strict=True)
        }


def centred(logprobs: Mapping[str, float], usual: Mapping[str, float]) -> dict[str, float]:
    """Each known token's log-probability beyond the usual, less their mean.

    A token out of sight has the least that is in sight, or its usual where that is less.
    """
    lowest = min(logprobs.values(), default=0.0)
    lifted = {
        token: max(logprobs.get(token, min(lowest, usually)), LEAST) - usually
        for token, usually in usual.items()
    }
    mean = math.fsum(lifted.values()) / max(len(lifted), 1)
    return {token: lift - mean for token, lift in lifted.items()}


@functools.cache
def fitted(family: str, prompt_hash: str, way: Way) -> Readout | None:
    """The readout for models of `family` heard in one `way` under a prompt, or None."""
    file = _HERE / "readouts" / file_name(family, way)
    if not family or not file.is_file():
        return None
    data = json.loads(file.read_text("utf-8"))
    if data["prompt"] != prompt_hash:
        return None
    tokens = data["tokens"]
    return Readout(
        weights=tuple(
            dict(zip(known, rows, strict=True))
            for known, rows in zip(tokens, data["weights"], strict=True)
        ),
        usual=tuple(
            dict(zip(known, row, strict=True))
            for known, row in zip(tokens, data["usual"], strict=True)
        ),
        bias=data["bias"],
        temperature=data["temperature"],
        beside=data["beside"],
    )


@functools.cache
def method_hash() -> str:
    """16 hex digits that change with any file that tells how what is heard or read is weighed."""
    found = sha256()
    for room in (files("refrain_sidecar.enrichment"), _HERE, _HERE / "readouts"):
        for file in sorted(room.iterdir(), key=lambda it: it.name):
            if file.name.endswith(".json"):
                found.update(f"{file.name}\n".encode() + file.read_bytes())
    return found.hexdigest()[:16]


def file_name(family: str, way: Way) -> str:
    """Where the readout of a family, heard in one way, lies in `readouts/`."""
    return f"{family.replace(' ', '-')}.{way}.json"
