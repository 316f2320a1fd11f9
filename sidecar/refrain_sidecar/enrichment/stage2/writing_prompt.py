"""How Stage 2 is asked: a fixed instruction, two examples of the same primary, the feelings.

A model this small copies the colour of what stands before it, so an example about joy would make a
cheerful poem of grief. The examples (`examples.json`) are written for this project.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.prompts import hash_of
from refrain_sidecar.enrichment.wheel import WHEEL, Place
from refrain_sidecar.inference.ollama.messages import Message

STAGE2_ID = "stage2/6"

_SYSTEM = (
    "You write to someone about a feeling: a poem of three short lines, three small tips and one "
    "kind closing sentence. Use new images every time."
)
_ASKED = "Feeling: {feeling}.{also}{time}"
_ALSO = " Also: {words}."
_TIME = " Time: {phase}."


def line_messages(place: Place, invoked: Sequence[str], phase: Phase | None) -> tuple[Message, ...]:
    """What stands before a page that the model fills line by line."""
    messages = [Message("system", _SYSTEM)]
    for example in _examples()[place.primary]:
        asked = _asked(example["feeling"], example["also"], example["phase"])
        messages += [
            Message("user", asked),
            Message("assistant", page(_lines_of(example))),
        ]
    feeling = f"{place.tertiary} ({place.secondary})"
    also = ", ".join(word for word in invoked if word not in (place.tertiary, place.secondary))
    return (*messages, Message("user", _asked(feeling, also, phase or "")))


def example_lines(primary: str) -> frozenset[str]:
    """The lines of the examples: what a small model must not copy."""
    return frozenset(line for example in _examples()[primary] for line in _lines_of(example))


# What stands before each line of a page. Numbers tell a small model where it is; without them it
# goes on to the next heading too soon. They count on, so that what ends a tip ends no line of the
# poem; a dot behind each would cost a page half a line's time.
LINE_MARKS = ("Poem\n1", "2", "3", "Tips\n4", "5", "6", "Closing\n7")


# How lines begin, so that a small model does not forget what they are for. A poem that begins with
# a thing becomes a picture; one that begins with "I" or "You" easily a quarrel.
PICTURES = ("The", "A", "On the", "Under the", "Outside, the", "Along the")
# A tip says what to do.
VERBS = (
    *("Take", "Write down", "Breathe", "Look", "Find", "Listen", "Make", "Give", "Remember", "Sit"),
    *("Go", "Share", "Talk", "Try", "Step", "Choose", "Keep", "Read", "Watch", "Speak", "Smile"),
    *("Thank", "Ask", "Call", "Let"),
)
# A closing line comes again as it was unless it begins otherwise.
CLOSINGS = ("May you find", "Be", "You are", "Let")


def page(lines: Sequence[str]) -> str:
    """A page with its first `lines` filled in, up to the mark of the next one."""
    filled = "".join(f"{mark} {line}\n" for mark, line in zip(LINE_MARKS, lines, strict=False))
    return filled + LINE_MARKS[len(lines)] if len(lines) < len(LINE_MARKS) else filled.rstrip()


def tone_of(place: Place) -> str:
    """The tone of the example that is nearest to `place`: a model this small takes one over."""
    here = WHEEL.secondary(place.secondary)

    def distance(example: Mapping[str, Any]) -> float:
        shown = WHEEL.secondary(example["feeling"].partition(" (")[2].rstrip(")"))
        return math.dist((shown.valence, shown.arousal), (here.valence, here.arousal))

    return str(min(_examples()[place.primary], key=distance)["tone"])


def _lines_of(example: Mapping[str, Any]) -> tuple[str, ...]:
    return (*example["poem"], *example["tips"], example["closing"])


def _asked(feeling: str, also: str, phase: str) -> str:
    return _ASKED.format(
        feeling=feeling,
        also=_ALSO.format(words=also) if also else "",
        time=_TIME.format(phase=phase) if phase else "",
    )


@functools.cache
def _examples() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    source = files("refrain_sidecar.enrichment.stage2").joinpath("examples.json").read_text("utf-8")
    examples: Mapping[str, Sequence[Mapping[str, Any]]] = json.loads(source)
    return examples


STAGE2_HASH = hash_of(
    _SYSTEM, LINE_MARKS, _ASKED, _ALSO, _TIME, _examples(), PICTURES, VERBS, CLOSINGS
)
