"""What a text tells beside its feeling: feelings invoked and expressed, events.

Both ways fuse the two halves of Stage 1: the model chooses among the words that its probabilities
make plausible, after the feeling they name has been put in its mouth, and that feeling counts as
expressed whether it repeats it or not.
"""

from __future__ import annotations

from attrs import frozen

from refrain_sidecar.enrichment import prompts, schemas
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.ending import ended
from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.stage1.clauses import clauses
from refrain_sidecar.enrichment.stage1.scoring import Scored
from refrain_sidecar.inference.choose import Engine

# Tokens of an event that are asked for: the quote and its first words, which tell clauses apart.
_EVENT_CAP = 5
_MARKS = " .,;:\"'"


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

    An engine that scores words chooses, another one writes JSON under a schema. Raises
    InferenceError, AnswerInvalid.
    """
    if engine.scores_words:
        return await _chosen(asking, engine, text, scored, phase)
    return await _written(asking, engine, text, scored, phase, cap=cap)


async def _chosen(
    asking: Asking, engine: Engine, text: str, scored: Scored, phase: Phase | None
) -> Told:
    """By probabilities alone: about six tokens instead of the fifty of the JSON."""
    feeling = scored.place.tertiary
    invoked = await asking.next_token(
        engine,
        prompts.invoked_messages(text, feeling, phase),
        words=[f" {word}" for word in scored.plausible],
    )
    likeliest = sorted(invoked.top if invoked else (), key=lambda it: it[1], reverse=True)
    return Told(
        invoked=tuple(word.strip() for word, _ in likeliest[:1]) or (feeling,),
        expressed=_each_once([feeling, *scored.plausible])[: 1 + schemas.MAX_EXPRESSED],
        events=_phrases(await _events(asking, engine, text, feeling, phase)),
    )


async def _events(
    asking: Asking, engine: Engine, text: str, feeling: str, phase: Phase | None
) -> tuple[str, ...]:
    found = clauses(text)
    if len(found) <= schemas.MAX_EVENTS:
        return found
    messages = prompts.event_messages(text, feeling, phase)
    return (await asking.choice(engine, messages, found, cap=_EVENT_CAP),)


async def _written(
    asking: Asking, engine: Engine, text: str, scored: Scored, phase: Phase | None, *, cap: int
) -> Told:
    feeling = scored.place.tertiary
    answer = await asking.json(
        engine,
        prompts.details_messages(text, feeling, phase),
        schemas.details(scored.plausible),
        cap=cap,
    )
    return Told(
        invoked=_each_once(answer["invoked"]),
        expressed=_each_once([feeling, *answer["expressed"]]),
        events=_phrases(answer["events"]),
    )


def _phrases(events: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    tidy = (phrase(event) for event in events)
    return _each_once([event for event in tidy if any(char.isalpha() for char in event)])


def phrase(event: str) -> str:
    """`event` on one line, ending where a phrase may end, if it is as long as the schema allows."""
    line = " ".join(event.split())
    # Of a phrase as long as allowed the last word is very likely a part of one.
    whole = line if len(line) < schemas.EVENT_CHARS else ended(line, schemas.EVENT_CHARS - 1)
    return whole.strip(_MARKS)


def _each_once(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
