"""What of a text the model gets to read: defused and, where it is too long, cut."""

from __future__ import annotations

from attrs import frozen

from refrain_sidecar.enrichment.text import defused

# Tokens of the context kept for the instruction, the template and the beginning of an answer.
RESERVED_TOKENS = 320
# A byte-level tokenizer makes at most one token a byte. English takes about 4.3 characters a token
# (SmolLM2 on the tuning sentences); 3 leaves room for names and numbers. Beyond ASCII every byte
# counts, which is right for the scripts such a small model never learnt to join.
_ASCII_PER_TOKEN = 3
_HEAD_SHARE = 0.6


@frozen
class Reading:
    """`text` goes into a prompt; `chars` counts the whole normalised text."""

    text: str
    chars: int
    warnings: tuple[str, ...] = ()


def read(text: str, max_tokens: int) -> Reading:
    """`text` (as `checked` gave it) for a prompt with room for `max_tokens` tokens of it.

    A longer text is cut to its beginning and its end, where feelings stand most, and says so.
    """
    # No token is longer, so what is farther from both ends is not worth looking at.
    reach = _ASCII_PER_TOKEN * (max_tokens + 1)
    safe = defused(text if len(text) <= 2 * reach else text[:reach] + text[-reach:])
    if tokens_at_most(safe) <= max_tokens:
        return Reading(safe, len(text))
    head, tail = _ends(safe, max_tokens)
    warning = (
        f"The text is longer than the model reads at once: of {len(text)} characters the first "
        f"{len(head)} and the last {len(tail)} were read."
    )
    return Reading(f"{head} … {tail}", len(text), (warning,))


def tokens_at_most(text: str) -> int:
    """An estimate on the high side of how many tokens `text` takes."""
    ascii_chars = len(text.encode("ascii", "ignore"))
    others = len(text.encode("utf-8", "replace")) - ascii_chars
    return -(-ascii_chars // _ASCII_PER_TOKEN) + others


def _ends(text: str, max_tokens: int) -> tuple[str, str]:
    head_budget = int(max_tokens * _HEAD_SHARE)
    head = _longest_start(text, head_budget)
    tail = _longest_start(text[::-1], max_tokens - head_budget)[::-1]
    return _to_blank(head), _to_blank(tail[::-1])[::-1]


def _longest_start(text: str, max_tokens: int) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if tokens_at_most(text[:middle]) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def _to_blank(text: str) -> str:
    """`text` without the word it was cut in, unless that is most of it."""
    at = text.rfind(" ")
    return text[:at].rstrip() if at > len(text) // 2 else text
