"""What a text tells beyond the feeling it is written in: what it invokes, and what happened."""

from __future__ import annotations

from attrs import frozen

from refrain_sidecar.enrichment import prompts, schemas
from refrain_sidecar.enrichment.asking import Asking, Logprobs
from refrain_sidecar.enrichment.ending import ended
from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.stage1.clauses import clauses
from refrain_sidecar.enrichment.stage1.evidence import begins
from refrain_sidecar.enrichment.stage1.scoring import Scored
from refrain_sidecar.inference.choose import Engine

_MARKS = " .,;:\"'"


@frozen
class Told:
    """Words of the wheel and short phrases of the text, each once."""

    invoked: tuple[str, ...]
    expressed: tuple[str, ...]
    events: tuple[str, ...]


async def tell(
    asking: Asking, engine: Engine, text: str, scored: Scored, phase: Phase | None
) -> Told:
    """Invoked and expressed feelings and events of `text`, by one request. Raises InferenceError.

    What happened is said in the text's own words: a small model, asked to tell it in its own,
    breaks off or invents.
    """
    feeling = scored.place.tertiary
    heard = await asking.next_token(
        engine,
        prompts.invoked_messages(text, feeling, phase),
        tokens=[f" {word}" for word in scored.plausible],
    )
    return Told(
        invoked=(likeliest(heard, scored.plausible) or feeling,),
        expressed=tuple(dict.fromkeys((feeling, *scored.plausible)))[: 1 + schemas.MAX_EXPRESSED],
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
    told = (phrase(clause) for clause in found[: schemas.MAX_EVENTS])
    return tuple(event for event in told if any(map(str.isalpha, event)))


def phrase(event: str) -> str:
    """`event` on one line, ending where a phrase may end, within what an event may be."""
    return ended(" ".join(event.split()), schemas.EVENT_CHARS).strip(_MARKS)
