"""Where a phrase that has to be cut short may end. Pure."""

from __future__ import annotations

import re

# Articles, prepositions, pronouns, helping verbs: after one of them a phrase reads as broken off.
_NEVER_LAST = re.compile(
    r"(?:an?|the|no|and|or|but|so|because|that|which|who|what|how|why|where|if|when|while|until|as"
    r"|than|of|to|in|on|at|for|from|with|without|by|about|into|through|out|up|over|under|between"
    r"|my|your|his|her|its|our|their|i|we|he|she|it|they|you|is|are|was|were|be|been|has|have|had"
    r"|do|does|did|can|could|will|would|may|might|must|should|i'm|it's|they're|there's|don't|can't"
    r"|not|never|always|also|just|only|even|very|this|these|those|some|any|every|each|another)",
    re.IGNORECASE,
)


def ended(text: str, chars: int) -> str:
    """`text` up to the last of its words within `chars` after which a phrase may end."""
    if len(text) <= chars:
        return text
    words = text[: chars + 1].split(" ")
    if len(words) == 1:
        return text[:chars]
    words.pop()
    while len(words) > 1 and _NEVER_LAST.fullmatch(words[-1].strip(",;:")):
        words.pop()
    return " ".join(words)
