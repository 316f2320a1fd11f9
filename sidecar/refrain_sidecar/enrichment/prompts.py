"""How Stage 1 is asked, and a hash of every word of it for the fingerprints.

What never changes comes first, so that its state in the engine is used again: the system prompt,
then the text, then what differs between naming the feeling and telling about it.
"""

from __future__ import annotations

import json
from hashlib import sha256

from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.inference.ollama.messages import Message

STAGE1_ID = "stage1/4"

_SYSTEM_1 = "You name the feeling of a short text with one word."
# Beginnings of an answer, each of which ends where a feeling has to follow: after "very" the
# likeliest tokens are feelings, not articles. What one of them hides another one shows; "feels" has
# mostly articles behind it, so it tells much where any word is scored, and little in twenty.
_FEELING = "The writer is feeling very"
_FEELS = "The writer feels"
_MOOD = "In one word, the mood is"
_READER = "{when}Whoever reads this will feel very"
_PREFILL_WORD = "The writer's feeling as JSON:\n"
_WHEN = "It was written {phase}. "
_IN_PHASE = {
    "morning": "in the morning",
    "afternoon": "in the afternoon",
    "evening": "in the evening",
    "night": "at night",
}


def score_messages(
    text: str, phase: Phase | None, *, every_word: bool
) -> tuple[tuple[Message, ...], ...]:
    """Beginnings whose next token is a word for the feeling of `text`; the last: of its reader.

    `every_word` is whether any word can be scored, not only the likeliest be told.
    """
    when = _WHEN.format(phase=_IN_PHASE[phase]) if phase else ""
    beginnings = (_FEELING, _FEELS if every_word else _MOOD, _READER.format(when=when))
    return tuple(_stage1(text, beginning) for beginning in beginnings)


def word_messages(text: str) -> tuple[Message, ...]:
    """Whose answer is JSON with one word of the wheel."""
    return _stage1(text, _PREFILL_WORD)


def _stage1(text: str, beginning: str) -> tuple[Message, ...]:
    return (
        Message("system", _SYSTEM_1),
        Message("user", f'"{text}"'),
        Message("assistant", beginning),
    )


def hash_of(*parts: object) -> str:
    """16 hex digits that change with any part."""
    return sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


# What was heard after these may not be read as if it were heard after others.
SCORE_HASH = hash_of(_SYSTEM_1, _FEELING, _FEELS, _MOOD, _READER)
STAGE1_HASH = hash_of(SCORE_HASH, _PREFILL_WORD, _WHEN, _IN_PHASE)
