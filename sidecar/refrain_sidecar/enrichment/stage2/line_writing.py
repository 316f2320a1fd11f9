"""Stage 2 line by line: how any model, however small, writes to a feeling in a form.

Bound to JSON, SmolLM2-135M failed the form in two of three answers; in plain lines it keeps it. One
request writes the whole page, each further one begins at the first line that would not do. Every
one continues the same prompt, so the engine has most of it in its KV cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from itertools import cycle, repeat
from types import MappingProxyType

from refrain_sidecar.enrichment import schemas
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.errors import AnswerInvalid
from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.results import PostEnrichment
from refrain_sidecar.enrichment.stage2 import writing_prompt
from refrain_sidecar.enrichment.stage2.draft import BLOCKS, Draft, block_of
from refrain_sidecar.enrichment.stage2.writing import TELLING_BEGINNINGS
from refrain_sidecar.enrichment.wheel import WHEEL, Place
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.ollama.messages import Message

SAMPLING = MappingProxyType({"repeat_penalty": 1.1, "repeat_last_n": 64})
# A tip says what to do, which a small model forgets ("I will be your friend"): once one was
# refused, the next begins with one of these that begins no example.
VERBS = (
    *("Take", "Write", "Breathe", "Call", "Look", "Find", "Listen", "Make", "Give", "Remember"),
    *("Sit", "Rest", "Go", "Share", "Talk", "Try", "Step", "Put", "Name", "Choose", "Keep"),
    *("Read", "Watch", "Speak", "Smile", "Thank", "Eat", "Drink", "Sleep", "Ask", "Say", "Let"),
)
# And a closing line, which comes again as it was unless it begins otherwise.
CLOSINGS = ("May", "Let", "There is", "Be")
# Requests have a fixed cost, and after so many a person has waited long enough.
REQUESTS = 10
# Each has another seed and is a little warmer, so that it does not say the same again.
WARMER = 0.1
# In the first of them a tip is broken off that only tells something: it would not be taken.
IMPATIENT = 2
# The tone of a page whose own was not read: the one the examples of its primary take.
TONES = MappingProxyType(
    {
        "happy": "warm",
        "strong": "steady",
        "peaceful": "calm",
        "sad": "tender",
        "angry": "gentle",
        "fearful": "soothing",
    }
)
# How a page may end, and a line that is whole though no other follows.
_LAST = (".", "!", "?", *schemas.TONES)

_HEADINGS = ("\nTips", "\nClosing")
_TELLING_TIPS = tuple(
    f"\n{mark.split()[-1]} {word}{end}"
    for mark in writing_prompt.LINE_MARKS[BLOCKS["tips"].start : BLOCKS["tips"].stop]
    for word in TELLING_BEGINNINGS
    for end in (" ", "'")
)

Told = Callable[[int, str], None]


def silent(at: int, line: str) -> None:
    """The lines nobody reads while they are written."""


async def read_examples(asking: Asking, engine: Engine, primary: str) -> None:
    """Have the state of all that stands before a feeling of `primary` in the engine's KV cache.

    Raises InferenceError.
    """
    place = next(place for place in WHEEL.places if place.primary == primary)
    messages = writing_prompt.line_messages(place, (), None)
    await asking.read(engine, (*messages, Message("assistant", writing_prompt.page(()))))


async def write_lines(
    asking: Asking,
    engine: Engine,
    place: Place,
    invoked: Sequence[str],
    phase: Phase | None,
    *,
    cap: int,
    told: Told = silent,
) -> PostEnrichment:
    """Three poem lines, three tips, a closing line and a tone, in at most `REQUESTS` requests of
    at most `cap` tokens. `told` hears of each line (its place from 0, its text) as it is kept.

    Raises InferenceError, and AnswerInvalid when a line is still missing then.
    """
    messages = writing_prompt.line_messages(place, invoked, phase)
    shown = writing_prompt.example_lines(place.primary)
    verbs = [verb for verb in VERBS if not any(line.startswith(verb) for line in shown)]
    openings = {
        BLOCKS["poem"]: repeat(""),
        BLOCKS["tips"]: iter(verbs),
        BLOCKS["closing"]: cycle(CLOSINGS),
    }
    draft = Draft(shown, told)
    for attempt in range(REQUESTS):
        at = draft.open
        if at is None:
            break
        # Either the rest of the page is written, or what is left of a block.
        block = block_of(at)
        onwards = draft.lines[-1] is None and block is not BLOCKS["closing"]
        opening = next(openings[block]) if attempt else ""
        begun = f"{writing_prompt.page(draft.before)} {opening}".rstrip()
        draft.begin(at)
        written = asking.text(
            engine,
            (*messages, Message("assistant", begun)),
            cap=cap if onwards else cap // 2,
            attempt=attempt,
            warmer=WARMER,
            sampling={**SAMPLING, "stop": stops(draft, block, onwards, attempt)},
        )
        line = opening
        async with aclosing(written) as pieces:
            async for piece in pieces:
                *whole, line = (line + piece).split("\n")
                if not all(draft.read(one) for one in whole):
                    break
                if not onwards and None not in draft.lines[block.start : block.stop]:
                    break
            else:
                # The model ended it, or the cap did, in the middle of a word perhaps.
                if line.rstrip().endswith(_LAST):
                    draft.read(line)
        if attempt:
            # The requests that are left are for what nothing was found for.
            draft.settle(block)
    draft.settle()
    if draft.open is not None:
        raise AnswerInvalid(
            f"{engine.model} wrote no usable line in {REQUESTS} tries: {draft.fault}. Nothing was "
            "stored. Try again, or choose a larger model in perf_config.json (inference.model)."
        )
    return draft.written(TONES[place.primary])


def stops(draft: Draft, block: range, onwards: bool, attempt: int) -> list[str]:
    """What the engine is to end at by itself: stopping it from here takes as long as some tokens.

    `block` is being filled; `onwards` is whether the rest of the page is written after it.
    """
    if onwards:
        return [*writing_prompt.TOO_MANY, *(_TELLING_TIPS if attempt < IMPATIENT else ())]
    if draft.lines[block.start : block.stop].count(None) == 1:
        return ["\n"]
    return [*writing_prompt.TOO_MANY, *_HEADINGS]
