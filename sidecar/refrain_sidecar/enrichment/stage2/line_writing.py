"""Stage 2 line by line: how any model, however small, writes to a feeling in a form.

Bound to JSON, SmolLM2-135M failed the form in two of three answers; in plain lines it keeps it. One
request writes the poem and one the rest, each further one begins at the first line that would not
do. Every one continues the same prompt, so the engine has most of it in its KV cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from itertools import cycle, islice
from types import MappingProxyType

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
# After so many a person has waited long enough. Of 144 pages 132 needed no more than four and none
# more than five; the rest are for a page that would be lost otherwise.
REQUESTS = 8
# Asked so often for a block, the model writes all of it anew: three lines of which one may do.
ANEW = 2
# Each has another seed and is a little warmer, so that it does not say the same again.
WARMER = 0.1
# In the first of them a tip is broken off that only tells something: it would not be taken.
IMPATIENT = 2
# In so many a poor line for another block than the one that is asked for may still be bettered.
FUSSY = 3

# How a page may end, and a line that is whole though no other follows.
_LAST = (".", "!", "?")
_HEADINGS = ("\nPoem", "\nTips", "\nClosing")
# What a model writes that has more to say in a block than there is room for.
_TOO_MANY = {BLOCKS["poem"]: "\n4", BLOCKS["tips"]: "\n7", BLOCKS["closing"]: "\n8"}
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
    verbs = [
        verb for verb in writing_prompt.VERBS if not any(line.startswith(verb) for line in shown)
    ]
    number = WHEEL.tertiaries.index(place.tertiary)
    openings = {
        BLOCKS["poem"]: _from(writing_prompt.PICTURES, number),
        BLOCKS["tips"]: _from(verbs, number),
        BLOCKS["closing"]: _from(writing_prompt.CLOSINGS, 0),
    }
    draft = Draft(shown, told)
    asked: Counter[range] = Counter()
    for attempt in range(REQUESTS):
        at = draft.open
        if at is None:
            break
        # The poem by itself, and then the rest of the page; or what is left of a block.
        block = block_of(at)
        onwards = not attempt or (draft.lines[-1] is None and block is BLOCKS["tips"])
        opening = next(openings[block])
        anew = asked[block] >= ANEW
        asked[block] += 1
        before = draft.before[: block.start] if anew else draft.before
        begun = f"{writing_prompt.page(before)} {opening}"
        draft.begin(at)
        written = asking.text(
            engine,
            (*messages, Message("assistant", begun)),
            cap=cap if onwards else cap // 2,
            attempt=attempt,
            warmer=WARMER,
            sampling={**SAMPLING, "stop": stops(draft, block, onwards, anew, attempt)},
        )
        line = opening
        async with aclosing(written) as pieces:
            async for piece in pieces:
                *whole, line = (line + piece).split("\n")
                if whole and whole[0] and not _goes_on(whole[0], opening):
                    whole[0] = ""
                if not all(draft.read(one) for one in whole):
                    break
                if not onwards and None not in draft.lines[block.start : block.stop]:
                    break
            else:
                # The model ended it, or the cap did, in the middle of a word perhaps.
                if line.rstrip().endswith(_LAST) and _goes_on(line, opening):
                    draft.read(line)
        if attempt:
            # The requests that are left are for what nothing was found for.
            draft.settle(block if attempt < FUSSY else None)
    draft.settle()
    if draft.open is not None:
        raise AnswerInvalid(
            f"{engine.model} wrote no usable line in {REQUESTS} tries: {draft.fault}. Nothing was "
            "stored. Try again, or choose a larger model in perf_config.json (inference.model)."
        )
    return draft.written(writing_prompt.tone_of(place))


def _from(words: Sequence[str], first: int) -> Iterator[str]:
    """`words` again and again; not the same one first for every feeling."""
    return islice(cycle(words), first % len(words), None)


def _goes_on(line: str, opening: str) -> bool:
    """Whether the model had something to add to how we began."""
    return any(char.isalpha() for char in line.removeprefix(opening))


def stops(draft: Draft, block: range, onwards: bool, anew: bool, attempt: int) -> list[str]:
    """What the engine is to end at by itself: stopping it from here takes as long as some tokens.

    `block` is being filled; `onwards`: the rest of the page is written after it; `anew`: all of it
    is written once more.
    """
    if onwards and block is BLOCKS["tips"]:
        return [_TOO_MANY[BLOCKS["closing"]], *(_TELLING_TIPS if attempt < IMPATIENT else ())]
    if not anew and draft.lines[block.start : block.stop].count(None) == 1:
        return ["\n"]
    return [_TOO_MANY[block], *_HEADINGS]
