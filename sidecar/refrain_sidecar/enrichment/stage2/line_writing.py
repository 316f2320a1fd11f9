"""Stage 2 line by line: how a model too small for a form writes to a feeling.

Bound to JSON, SmolLM2-135M failed the form in one of three answers; in plain lines, each checked
before the next is asked for, it keeps it. Every line continues the same prompt, so the engine has
all but the last line in its KV cache.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import repeat
from types import MappingProxyType

from attrs import frozen

from refrain_sidecar.enrichment import schemas
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.errors import AnswerInvalid
from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.results import PostEnrichment
from refrain_sidecar.enrichment.stage2 import writing_prompt
from refrain_sidecar.enrichment.stage2.writing import check_line, cut, tidy
from refrain_sidecar.enrichment.wheel import WHEEL, Place
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.ollama.messages import Message

SAMPLING = MappingProxyType({"repeat_penalty": 1.1, "repeat_last_n": 64})
# The longest each line may be. They share the cap of Stage 2 evenly, so together they keep it
# however they come out.
CHARS = (*[schemas.LINE_CHARS] * 3, *[schemas.TIP_CHARS] * 3, schemas.CLOSING_CHARS)
TIPS = slice(3, 6)
# A tip says what to do, which so small a model forgets ("I will be your friend"): it begins with
# the likeliest of these that begins no example, each try with the next one.
VERBS = (
    *("Ask", "Breathe", "Call", "Choose", "Drink", "Eat", "Find", "Give", "Go", "Keep", "Leave"),
    *("Let", "Listen", "Look", "Make", "Name", "Notice", "Put", "Read", "Remember", "Rest", "Say"),
    *("Share", "Sit", "Sleep", "Smile", "Speak", "Step", "Take", "Talk", "Tell", "Thank", "Try"),
    *("Walk", "Watch", "Write"),
)
# Each try has another seed and is a little warmer, so that it does not say the same again.
TRIES = 6
WARMER = 0.2


async def read_examples(asking: Asking, engine: Engine, primary: str) -> None:
    """Have the state of all that stands before a feeling of `primary` in the engine's KV cache.

    Raises InferenceError.
    """
    place = next(place for place in WHEEL.places if place.primary == primary)
    messages = writing_prompt.line_messages(place, (), None)
    await _ranked(asking, engine, messages, writing_prompt.page(()), schemas.TONES[:1])


async def write_lines(
    asking: Asking,
    engine: Engine,
    place: Place,
    invoked: Sequence[str],
    phase: Phase | None,
    *,
    cap: int,
) -> PostEnrichment:
    """Three poem lines, three tips, a closing line, and the tone the model thinks likeliest.

    Raises InferenceError, and AnswerInvalid when one line fails its check `TRIES` times.
    """
    messages = writing_prompt.line_messages(place, invoked, phase)
    shown = writing_prompt.example_lines(place.primary)
    lines: list[str] = []
    verbs: Iterator[str] = iter(())
    for at, chars in enumerate(CHARS):
        page = writing_prompt.page(lines)
        if at == TIPS.start:
            fresh = [verb for verb in VERBS if not any(line.startswith(verb) for line in shown)]
            verbs = iter(await _ranked(asking, engine, messages, page, fresh))
        openings = verbs if TIPS.start <= at < TIPS.stop else repeat("")
        line = _Line(page, chars, cap // len(CHARS), {*shown, *lines})
        lines.append(await _written(asking, engine, messages, line, openings))
    tone = (await _ranked(asking, engine, messages, writing_prompt.page(lines), schemas.TONES))[0]
    *tips, closing = (line.rstrip(",;") for line in lines[TIPS.start :])
    return PostEnrichment(poem=lines[: TIPS.start], tips=tips, closing=closing, tone=tone)


@frozen
class _Line:
    """What stands before a line, how long it may be, and the lines it must not repeat."""

    page: str
    chars: int
    cap: int
    taken: Collection[str]


async def _written(
    asking: Asking,
    engine: Engine,
    messages: Sequence[Message],
    line: _Line,
    openings: Iterator[str],
) -> str:
    fault = ""
    for attempt, opening in zip(range(TRIES), openings, strict=False):
        begun = Message("assistant", f"{line.page} {opening}".rstrip())
        said = await asking.line(
            engine,
            (*messages, begun),
            cap=line.cap,
            attempt=attempt,
            warmer=WARMER,
            sampling=SAMPLING,
        )
        found = tidy(cut(f"{opening}{said}", line.chars))
        try:
            check_line(found, line.taken)
        except ValueError as error:
            fault = str(error)
            continue
        return found
    raise AnswerInvalid(
        f"{engine.model} wrote no usable line in {TRIES} tries: {fault}. Nothing was stored. Try "
        "again, or choose a larger model in perf_config.json (inference.model)."
    )


async def _ranked(
    asking: Asking, engine: Engine, messages: Sequence[Message], page: str, words: Sequence[str]
) -> list[str]:
    """`words` by how likely they follow `page`, likeliest first."""
    prompt = (*messages, Message("assistant", page))
    found = await asking.next_token(engine, prompt, words=[f" {word}" for word in words])
    if found is None:
        return list(words)
    ranked = sorted(found.top, key=lambda it: it[1], reverse=True)
    return [word.strip() for word, _ in ranked]
