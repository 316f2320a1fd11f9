"""A text as it is taken in: checked, normalised, and with nothing in it that would end its turn."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from refrain_cache import normalised
from refrain_sidecar.enrichment.errors import InputRefused

# The longest text that is enriched. A model reads some thousands of characters of it; this keeps
# what a longer one costs (normalising, hashing) far below what a person notices.
MOST_CHARS = 100_000
# What chat templates take for their own marks (<|im_end|>, <｜User｜>, </s>, <start_of_turn>,
# <think>, [INST], <<SYS>> …), and the straight quote, for the prompt sets the text in two of them.
_MARK = re.compile(
    r"(?P<left><)(?=[|｜]|/?\w[\w.:-]*>)|(?P<right>(?<=[|｜])>)|(?P<bracket>\[)(?=/?g?[A-Z_]{3,}\])"
    r"|(?P<opening>(?<![^\s(\[{–—-])\")|(?P<closing>\")"
)
_LOOKALIKES = {"left": "‹", "right": "›", "bracket": "(", "opening": "“", "closing": "”"}
# The same marks where no quote is set around the text, and where it may be code: only those that
# models are known to be trained with, so that `List<String>` and `x[KEY]` stay what they are.
_TURN = re.compile(
    r"(?P<left><)(?=[|｜]|<?/?(?:s|bos|eos|unk|pad|think|tool_call|tool_response|start_of_turn"
    r"|end_of_turn|start_of_image|SYS)>)|(?P<right>(?<=[|｜])>)"
    r"|(?P<bracket>\[)(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|IMG)\])"
)


def checked(text: Any) -> str:
    """The normalised text. Raises InputRefused for what is no text, too long or says nothing."""
    if not isinstance(text, str):
        raise InputRefused(
            f"Only text can be enriched, and this is of type {type(text).__name__}. Pass a string."
        )
    if len(text) > MOST_CHARS:
        raise InputRefused(
            f"The text has {len(text):,} characters, and at most {MOST_CHARS:,} can be enriched. "
            "Select or pass a part of it."
        )
    tidy = normalised(text)
    try:
        tidy.encode()
    except UnicodeEncodeError as error:
        raise InputRefused(
            "The text holds half a character (a lone surrogate). Select whole characters, or take "
            "it out."
        ) from error
    if not tidy:
        raise InputRefused("There is no text to enrich. Select or pass some words.")
    if not any(_says_something(char) for char in tidy):
        raise InputRefused(
            "The text has neither letters, digits, punctuation nor symbols: only blanks or control "
            "characters. Select or pass some words."
        )
    return tidy


def defused(text: str) -> str:
    """`text` with nothing in it that would end the quote it is put in, or the turn."""
    return _MARK.sub(_lookalike, _readable(text))


def unturned(text: str) -> str:
    """`text` with nothing in it that would end the turn it is put in; quotes are left alone."""
    return _TURN.sub(_lookalike, _readable(text))


def _lookalike(found: re.Match[str]) -> str:
    return _LOOKALIKES[str(found.lastgroup)]


def _readable(text: str) -> str:
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs") else " "
        for char in text
    )


def _says_something(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNPS"
