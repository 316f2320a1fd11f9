"""What the stages answer: plain JSON objects, stored and replayed byte for byte."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

# How the feeling was named: from the log-probability of every feeling word, from the likeliest
# tokens only, or from a word generated under a schema.
Way = Literal["logprobs", "top_logprobs", "generated"]


class WheelPlace(TypedDict):
    """Three words of the wheel that belong together."""

    primary: str
    secondary: str
    tertiary: str


class Provenance(TypedDict):
    """What made an answer. `prompt` is the prompt's id; `lacks` says what the model could not do
    and was done in a lesser way; `offline`: given while the engine was away.
    """

    engine: str
    model: str
    digest: str
    version: str
    prompt: str
    way: Way
    lacks: list[str]
    offline: NotRequired[bool]


class Enrichment(TypedDict):
    """Stage 1. The text itself is not in it.

    `text_chars` counts the normalised text. `scores` are the primaries' probabilities (sum 1) and
    `confidence` is that of the one chosen; `low_confidence` says it is a guess. `valence` is -1..1
    and `arousal` 0..1. `invoked` and `expressed` are words of the wheel, `events` short phrases.
    """

    text_chars: int
    wheel: WheelPlace
    scores: dict[str, float]
    confidence: float
    low_confidence: bool
    valence: float
    arousal: float
    invoked: list[str]
    expressed: list[str]
    events: list[str]
    warnings: list[str]
    provenance: Provenance


class PostEnrichment(TypedDict):
    """Stage 2: three poem lines, three tips, a closing line and the tone."""

    poem: list[str]
    tips: list[str]
    closing: str
    tone: str


class Described(TypedDict):
    """What a model sees in a picture. The picture itself is not in it."""

    description: str


class PostEnriched(Enrichment):
    """Both stages."""

    post_enrichment: PostEnrichment
