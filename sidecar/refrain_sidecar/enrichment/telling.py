"""What the model tells about a text under a schema: feelings invoked and expressed, events."""

from __future__ import annotations

import re

from attrs import frozen

from refrain_sidecar.enrichment import prompts, schemas
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.scoring import Scored
from refrain_sidecar.inference.choose import Engine

# Articles, prepositions, pronouns: a phrase cut after one of them reads as broken off.
_NEVER_LAST = re.compile(
    r"(?:an?|the|and|or|but|so|because|that|which|who|if|when|while|as|than|of|to|in|on|at|for|from"
    r"|with|by|about|into|my|your|his|her|its|our|their|i|we|he|she|it|they|you|is|are|was|were|be"
    r"|i'm|it's|not|very|this)",
    re.IGNORECASE,
)


@frozen
class Told:
    """Words of the wheel and short phrases, each once."""

    invoked: tuple[str, ...]
    expressed: tuple[str, ...]
    events: tuple[str, ...]


async def tell(
    asking: Asking, engine: Engine, text: str, scored: Scored, phase: Phase | None, *, cap: int
) -> Told:
    """Invoked and expressed feelings and events of `text`, in at most `cap` tokens.

    The two halves are fused here: the model chooses among the words that its probabilities make
    plausible, after the feeling they name has been put in its mouth, and that feeling counts as
    expressed whether it repeats it or not. Raises InferenceError, AnswerInvalid.
    """
    tertiary = scored.place.tertiary
    answer = await asking.json(
        engine,
        prompts.details_messages(text, tertiary, phase),
        schemas.details(scored.plausible),
        cap=cap,
    )
    return Told(
        invoked=_each_once(answer["invoked"]),
        expressed=_each_once([tertiary, *answer["expressed"]]),
        events=_each_once(_phrases(answer["events"])),
    )


def _phrases(events: list[str]) -> list[str]:
    tidy = (phrase(event) for event in events)
    return [event for event in tidy if any(char.isalpha() for char in event)]


def phrase(event: str) -> str:
    """`event` on one line, ending where a phrase may end, though the schema's length cut it."""
    words = " ".join(event.split()).split(" ")
    if len(event) >= schemas.EVENT_CHARS and len(words) > 1:
        words.pop()  # very likely a part of a word
        while len(words) > 1 and _NEVER_LAST.fullmatch(words[-1]):
            words.pop()
    return " ".join(words).strip(" .,;:\"'")


def _each_once(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
