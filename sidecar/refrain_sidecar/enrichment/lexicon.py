"""Feeling words and the places they speak for: the wheel's own, and those of `lexicon.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType

from refrain_sidecar.enrichment.wheel import SIDES, WHEEL

Strengths = Mapping[str, float]
"""Secondary → 0..1, summing to at most 1: what is missing says nothing about the feeling."""


def load() -> Mapping[str, Strengths]:
    """Every known word, lower-case."""
    text = files("refrain_sidecar.enrichment").joinpath("lexicon.json").read_text("utf-8")
    words = {**dict(_of_the_wheel()), **json.loads(text)["words"]}
    return MappingProxyType({word: MappingProxyType(it) for word, it in words.items()})


def _of_the_wheel() -> Iterator[tuple[str, Strengths]]:
    for primary, ring in WHEEL.rings.items():
        yield primary, {secondary.name: 1 / SIDES for secondary in ring}
        for secondary in ring:
            for word in secondary.words:
                yield word, {secondary.name: 1.0}


PLACES = load()
