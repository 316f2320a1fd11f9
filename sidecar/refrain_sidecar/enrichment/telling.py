"""What the model tells about a text under a schema: feelings invoked and expressed, events."""

from __future__ import annotations

from attrs import frozen

from refrain_sidecar.enrichment import prompts, schemas
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.scoring import Scored
from refrain_sidecar.inference.choose import Engine


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
    tidy = (" ".join(event.split()).strip(" .,;:\"'") for event in events)
    return [phrase for phrase in tidy if any(char.isalpha() for char in phrase)]


def _each_once(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
