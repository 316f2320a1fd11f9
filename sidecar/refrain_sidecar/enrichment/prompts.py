"""How Stage 1 is asked, and a hash of every word of it for the fingerprints.

What never changes comes first, so that its state in the engine is used again: the system prompt,
then the text, then what differs between naming the feeling and telling about it.
"""

from __future__ import annotations

import json
from hashlib import sha256

from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.inference.messages import Message

STAGE1_ID = "stage1/1"

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
