"""What a text tells beyond the feeling it is written in: what it invokes, and what happened. Pure.

What happened is said in the text's own words: a small model, asked to tell it in its own, breaks
off or invents.
"""

from __future__ import annotations

from attrs import frozen

from refrain_sidecar.enrichment import schemas
from refrain_sidecar.enrichment.ending import ended
from refrain_sidecar.enrichment.stage1.clauses import clauses
from refrain_sidecar.enrichment.stage1.evidence import Logprobs, begins
from refrain_sidecar.enrichment.stage1.scoring import Scored

_MARKS = " .,;:\"'"


@frozen
class Told:
    """Words of the wheel and short phrases of the text, each once."""

    invoked: tuple[str, ...]
    expressed: tuple[str, ...]
    events: tuple[str, ...]


def tell(text: str, scored: Scored, of_the_reader: Logprobs) -> Told:
    """What `text` tells; `of_the_reader` are the tokens for what its reader will feel."""
    feeling = scored.place.tertiary
    expressed = tuple(dict.fromkeys((feeling, *scored.plausible)))
    return Told(
        invoked=(likeliest(of_the_reader, scored.plausible) or feeling,),
        expressed=expressed[: 1 + schemas.MAX_EXPRESSED],
        events=events(text),
    )


def likeliest(heard: Logprobs, words: tuple[str, ...]) -> str | None:
    """The one of `words` that is begun by the likeliest of the tokens; None if none is."""
    ranked = sorted(heard, key=lambda token: heard[token], reverse=True)
    found = (word for token in ranked for word in words if begins(token, word))
    return next(found, None)


def events(text: str) -> tuple[str, ...]:
    """The clauses of `text` that tell most: the longest, as long as they may be."""
    found = sorted(clauses(text), key=lambda clause: sum(map(str.isalpha, clause)), reverse=True)
    # Whole ones first.
    found.sort(key=lambda clause: len(clause) > schemas.EVENT_CHARS)
    told = (phrase(clause) for clause in found[: schemas.MAX_EVENTS])
    return tuple(event for event in told if any(map(str.isalpha, event)))


def phrase(event: str) -> str:
    """`event` on one line, ending where a phrase may end, within what an event may be."""
    return ended(" ".join(event.split()), schemas.EVENT_CHARS).strip(_MARKS)
