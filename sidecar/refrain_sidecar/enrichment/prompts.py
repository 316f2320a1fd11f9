"""How Stage 1 is asked, and a hash of every word of it for the fingerprints.

What never changes comes first, so that its state in the engine is used again: the system prompt,
then the text, then what differs between naming the feeling and telling about it.
"""

from __future__ import annotations

import json
from hashlib import sha256

from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.inference.ollama.messages import Message

STAGE1_ID = "stage1/2"

_SYSTEM_1 = "You name the feeling of a short text with one word."
# Ends where a feeling has to follow: after "very" the likeliest tokens are feelings, not articles.
_PREFILL_SCORE = "The writer is feeling very"
_PREFILL_DETAILS = " {feeling}.{when} Feelings and events as JSON:\n"
_PREFILL_EVENT = " {feeling}.{when} What happened: "
_PREFILL_INVOKED = " {feeling}.{when} Whoever reads this will feel"
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
    return _stage1(text, _told(_PREFILL_DETAILS, feeling, phase))


def event_messages(text: str, feeling: str, phase: Phase | None) -> tuple[Message, ...]:
    """The same, going on to an event of the text, quoted."""
    return _stage1(text, _told(_PREFILL_EVENT, feeling, phase))


def invoked_messages(text: str, feeling: str, phase: Phase | None) -> tuple[Message, ...]:
    """The same, whose next token is a word for what the text makes its reader feel."""
    return _stage1(text, _told(_PREFILL_INVOKED, feeling, phase))


def word_messages(text: str) -> tuple[Message, ...]:
    """Whose answer is JSON with one word of the wheel."""
    return _stage1(text, _PREFILL_WORD)


def _told(prefill: str, feeling: str, phase: Phase | None) -> str:
    when = _WHEN.format(phase=_IN_PHASE[phase]) if phase else ""
    return _PREFILL_SCORE + prefill.format(feeling=feeling, when=when)


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
STAGE1_HASH = hash_of(
    SCORE_HASH,
    (_PREFILL_DETAILS, _PREFILL_EVENT, _PREFILL_INVOKED, _PREFILL_WORD),
    (_WHEN, _IN_PHASE),
)
