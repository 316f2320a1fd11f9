"""What is asked of Stage 2's writing beyond its schema, and how it is tidied. Pure."""

from __future__ import annotations

import re
from typing import Any

from refrain_sidecar.enrichment import schemas
from refrain_sidecar.enrichment.results import PostEnrichment

_fits = schemas.checker(schemas.WRITING)
# Words of the form, not of the writing: a model that runs out of ideas echoes them.
_FORM = re.compile(
    r"\b(poem|tips?|closing|tone|json|schema|line \d)\b|[{}\[\]<>|\\_]", re.IGNORECASE
)
_FILLER = " \t\n\"'`*-–—•"


def tidied(answer: Any) -> PostEnrichment:
    """An answer that passed `check_writing`, with blanks and list marks taken off."""
    return PostEnrichment(
        poem=[_tidy(line) for line in answer["poem"]],
        tips=[_tidy(tip) for tip in answer["tips"]],
        closing=_tidy(answer["closing"]),
        tone=answer["tone"],
    )


def check_writing(answer: Any) -> None:
    """Raises ValueError, naming the fault: empty, twice the same, or the form's own words."""
    _fits(answer)
    written = [*answer["poem"], *answer["tips"], answer["closing"]]
    for text in written:
        if not any(char.isalpha() for char in text):
            raise ValueError(f"{text!r} says nothing")
        if found := _FORM.search(text):
            raise ValueError(f"{text!r} repeats the form ({found.group()!r})")
    tidy = [_tidy(text).lower() for text in written]
    if len(set(tidy)) < len(tidy):
        raise ValueError("a line is there twice")


def _tidy(text: str) -> str:
    return " ".join(text.split()).strip(_FILLER)
