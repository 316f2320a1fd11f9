"""Every word the model is asked with, and a hash of them for the fingerprints.

What never changes comes first, so that its state in the engine is used again: the system prompt,
then (Stage 1) the text, then what differs between naming the feeling and telling about it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.wheel import Place
from refrain_sidecar.inference.messages import Message

STAGE1_ID = "stage1/1"
STAGE2_ID = "stage2/1"

_SYSTEM_1 = "You name the feeling of a short text with one word."
# Ends where a feeling has to follow: after "very" the likeliest tokens are feelings, not articles.
_PREFILL_SCORE = "The writer is feeling very"
_PREFILL_DETAILS = " {feeling}.{when} Feelings and events as JSON:\n"
_PREFILL_WORD = "The writer's feeling as JSON:\n"
_WHEN = " It was written {phase}."
_IN_PHASE = {
    "morning": "in the morning",
    "afternoon": "in the afternoon",
    "evening": "in the evening",
    "night": "at night",
}

_SYSTEM_2 = (
    "You write to someone about their feeling: a poem of three short lines, three small tips, "
    "a kind closing sentence and the tone. Answer as JSON."
)
_EXAMPLES_2: tuple[tuple[Literal["user", "assistant"], str], ...] = (
    (
        "user",
        "Feeling: homesick (lonely, sad). Also: nostalgic. Time: evening.",
    ),
    (
        "assistant",
        '{"poem":["The window holds a foreign sky,","yet every star is one you know;",'
        '"home hums along as years go by."],"tips":["Call someone who knew you as a child",'
        '"Cook a dish from your old kitchen","Walk until one street feels familiar"],'
        '"closing":"Missing a place means that it is still yours.","tone":"tender"}',
    ),
    (
        "user",
        "Feeling: thrilled (excited, happy). Also: eager. Time: morning.",
    ),
    (
        "assistant",
        '{"poem":["The morning rings a silver bell,","your feet are quicker than the light;",'
        '"the road has something good to tell."],"tips":["Tell a friend the news out loud",'
        '"Write down what you look forward to","Save some of this for a grey day"],'
        '"closing":"Let the day be as big as it feels.","tone":"bright"}',
    ),
)


def score_messages(text: str) -> tuple[Message, ...]:
    """Whose next token is a word for the feeling of `text`."""
    return _stage1(text, _PREFILL_SCORE)


def details_messages(text: str, feeling: str, phase: Phase | None) -> tuple[Message, ...]:
    """The same, going on to the JSON of invoked and expressed feelings and events."""
    when = _WHEN.format(phase=_IN_PHASE[phase]) if phase else ""
    told = _PREFILL_SCORE + _PREFILL_DETAILS.format(feeling=feeling, when=when)
    return _stage1(text, told)


def word_messages(text: str) -> tuple[Message, ...]:
    """Whose answer is JSON with one word of the wheel."""
    return _stage1(text, _PREFILL_WORD)


def repair(messages: Sequence[Message], answer: str, fault: str) -> tuple[Message, ...]:
    """The same question again with the answer that failed and what was wrong with it."""
    *asked, _ = messages
    return (
        *asked,
        Message("assistant", answer),
        Message("user", f"That is not what was asked for: {fault}. Write the JSON again."),
    )


def writing_messages(
    place: Place, invoked: Sequence[str], phase: Phase | None
) -> tuple[Message, ...]:
    """Whose answer is Stage 2's JSON. Feelings only: the text is not known here."""
    asked = [f"Feeling: {place.tertiary} ({place.secondary}, {place.primary})."]
    if invoked:
        asked.append(f"Also: {', '.join(invoked)}.")
    if phase:
        asked.append(f"Time: {phase}.")
    return (
        Message("system", _SYSTEM_2),
        *(Message(role, said) for role, said in _EXAMPLES_2),
        Message("user", " ".join(asked)),
    )


def _stage1(text: str, prefill: str) -> tuple[Message, ...]:
    return (
        Message("system", _SYSTEM_1),
        Message("user", f'"{text}"'),
        Message("assistant", prefill),
    )


def hash_of(*parts: object) -> str:
    """16 hex digits that change with any part."""
    return sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


SCORE_HASH = hash_of(_SYSTEM_1, _PREFILL_SCORE)
STAGE1_HASH = hash_of(SCORE_HASH, _PREFILL_DETAILS, _PREFILL_WORD, _WHEN, _IN_PHASE)
STAGE2_HASH = hash_of(_SYSTEM_2, _EXAMPLES_2, "Feeling Also Time")
