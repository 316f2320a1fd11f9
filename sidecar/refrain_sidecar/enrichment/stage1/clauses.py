"""The clauses of a text: what an event is chosen from when the model is too small to tell one.

Pure. Asked for an event in words of its own, SmolLM2-135M broke off its copy of the text, or
counted ("1.1.2.1"); choosing among the text's clauses it names one that is there, and whole.
"""

from __future__ import annotations

import re

# "so" joins only what has a subject of its own: "so empty" does not.
_SUBJECT = "(?:i|you|he|she|it|we|they|the|my|our|this|nobody|everybody)"
_ADDING = rf"(?:and|but|so(?=\s+{_SUBJECT}\b))"
_SUBORDINATE = "(?:because|although|though|while|when|until|since)"
# Where a clause ends, in scripts with and without blanks, and at English words that join two.
_BETWEEN = re.compile(
    r"[.!?…;:,\n。！？；：，、]+|\s[–—-]\s"
    rf"|\s+(?:{_ADDING}|{_SUBORDINATE})\s+",
    re.IGNORECASE,
)
# "When I left she wept" begins a sentence, and without its first word is none.
_JOINED = re.compile(rf"\A\W*(?:(?i:{_ADDING})|{_SUBORDINATE})\s+")
_MARKS = " \t\"'‘’«»()[]{}*_-–—"
_QUOTED = re.compile("“[^“”]*”")
# Less than this is a name, an "ok" or a number; a Chinese or Japanese character says more.
_LEAST_LETTERS, _LEAST_IDEOGRAPHS = 6, 3
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Of a long text the beginning and the end, where feelings stand most; a grammar of more choices
# takes longer to build than to follow.
MOST_HEAD, MOST_TAIL = 16, 8


def clauses(text: str) -> tuple[str, ...]:
    """Those of `text` that may name an event, each once, in order; at most 24."""
    found = (" ".join(_JOINED.sub("", part, count=1).split()) for part in _BETWEEN.split(text))
    stripped = (_closed(part.strip(_MARKS)) for part in found)
    telling = list({part.casefold(): part for part in stripped if _tells(part)}.values())
    if len(telling) <= MOST_HEAD + MOST_TAIL:
        return tuple(telling)
    return (*telling[:MOST_HEAD], *telling[-MOST_TAIL:])


def _closed(part: str) -> str:
    """Of a clause with half a pair of quotes the longest side; one that is a quotation, bare."""
    if re.search("[“”]", _QUOTED.sub("", part)):
        part = max(re.split("[“”]", part), key=len)
    elif _QUOTED.fullmatch(part):
        part = part[1:-1]
    return part.strip(_MARKS)


def _tells(part: str) -> bool:
    letters = sum(char.isalpha() for char in part)
    return letters >= _LEAST_LETTERS or len(_IDEOGRAPHS.findall(part)) >= _LEAST_IDEOGRAPHS
