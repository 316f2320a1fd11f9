"""What is asked of Stage 2's writing beyond its schema, and how it is tidied. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from refrain_sidecar.enrichment import schemas
from refrain_sidecar.enrichment.ending import ended

_fits = schemas.checker(schemas.WRITING)
# Words of the form, not of the writing: a model that runs out of ideas echoes them.
_FORM = re.compile(
    r"\b(poem|tips?|closing|tone|json|schema|line \d)\b|[{}\[\]<>|\\_]", re.IGNORECASE
)
# What nobody should read who came with a feeling; small models slip into it.
_UNKIND = re.compile(
    r"\b(monster|punish\w*|destroy\w*|kill\w*|die|dead|death|evil|worthless|hopeless|doom\w*|blame"
    r"|suffer\w*|hurt (you|your\w*|me|my\w*)|enem(y|ies)|lost soul|your fault|not deserve|waste my"
    r"|(tak\w+|end\w*|los\w+) (my|your|his|her|our|their) (own )?li(fe|ves)|never find your"
    r"|no ?(one|body)( else)? (cares|loves|wants|can|will|to)|(forever|yourself) (lost|alone)"
    r"|(lost|alone) (forever|yourself)|(i|you)('m|’m|'re|’re| am| are) (all |so )?(lost|mine|broken"
    r"|weak|nothing|alone)|lost somewhere|(in|into) the dark\w*|left with nothing"
    r"|no place for (me|you)|may (you )?never|(scared|afraid) of (my|your)self|what you have lost"
    r"|things you have done|you left me|let go of yourself|struggling|nightmare|devil\w*|hell"
    r"|hate\w*|cruel\w*|stupid|useless|pathetic|ugly|fools?|losers?|failure|revenge|blood\w*"
    r"|bleed\w*|drown\w*|grave|corpse|liars?|of lies|a lie|end of (my|your) life"
    r"|never (forgive|(be )?erased)"
    r"|no (choice|will|way out|escape|future|hope|love)|without (a heart|hope|(having )?love)"
    r"|(am|are) no more than|deserve what|take (everything|all) you|much you deserve|too proud"
    r"|(not|\w+n['’]t)( to)? be proud|(born|be|being|are|am) wrong|wrong (you are|with (me|you))"
    r"|darkness of|darkest place|only (friend|companion|hope|one who (loves|cares))"
    r"|made you (sad|angry|cry)|see your face|giving up|amends with me|worthy of my"
    r"|left ((to be )?alone|behind|to (my|your) own)|leave me|burn (you|me)|just walk away"
    r"|but you are|I( am|['’]m) (not|no longer) here|selfish\w*|burden (that )?(is|are) you"
    r"|heart is broken"
    r"|(not|\w+n['’]t) (tell|ask) me|no[\"”]? to yourself"
    r"|not want to (know|hear)|aren['’]t yours|too much to)\b",
    re.IGNORECASE,
)
_NOT = r"(?:not|never|no|nothing|nobody|cannot|too|\w+n['’]t)\b"
# Words that make a denial a comfort: "you are not alone", "I will never forget your smile".
_COMFORT = (
    r"(?![^.;:!?]*\b(?:alone|have to|need|worry|fear|afraid|forg[eo]t\w*|go wrong|late|impossible"
    r"|rush|leave you|part with|let (?:you|any\w*)|give up on|angry at|lie to)\b)"
)
# What is said against the reader: "You can't …", "I will not … your …".
_AGAINST = re.compile(
    rf"(?:^(?:what )?|[.;:!?,]\s*|\b(?:and|but) )you(?:['’]re)?\b{_COMFORT}(?: \w+){{0,3}} {_NOT}"
    rf"|\bI\b{_COMFORT}(?:['’]m)?(?: \w+)? {_NOT}[^.;:!?,]*\byour?\b",
    re.IGNORECASE,
)
# Half of a comparison.
_HANGING = re.compile(r"the (more|less) [^,]*", re.IGNORECASE)
# How a sentence about somebody begins, or what it holds, and not a thing to do.
TELLING_BEGINNINGS = (
    *("I", "We", "You", "He", "She", "It", "They", "This", "That", "These", "Those", "There"),
    *("My", "Your", "Our", "His", "Her", "The", "A", "An", "If", "When", "What", "How", "Why"),
    *("Who", "But", "And", "Because", "In", "On", "At", "For", "With", "As", "Some", "Every"),
    *("Each", "No", "Not", "Yes"),
)
_TELLING = re.compile(
    rf".*\b(me|my|i|we|us|can't|can’t|cannot)\b|({'|'.join(TELLING_BEGINNINGS)})\b", re.IGNORECASE
)
_LEAST = 8
_FILLER = " \t\n\"'`*-–—•"


def check_writing(answer: Any) -> None:
    """Raises ValueError, naming the fault: empty, twice the same, or the form's own words."""
    _fits(answer)
    written = [*answer["poem"], *answer["tips"], answer["closing"]]
    for text in written:
        if not any(char.isalpha() for char in text):
            raise ValueError(f"{text!r} says nothing")
        if found := _FORM.search(text):
            raise ValueError(f"{text!r} repeats the form ({found.group()!r})")
    distinct = {tidy(text).lower() for text in written}
    if len(distinct) < len(written):
        raise ValueError("a line is there twice")


def check_line(text: str, taken: Collection[str]) -> None:
    """Raises ValueError for a line that says nothing, leaves off, is unkind, or there already."""
    if len(text) < _LEAST or sum(char.isalpha() for char in text) < _LEAST // 2:
        raise ValueError(f"{text!r} says nothing")
    if found := _FORM.search(text):
        raise ValueError(f"{text!r} repeats the form ({found.group()!r})")
    if _HANGING.fullmatch(text):
        raise ValueError(f"{text!r} leaves off")
    if found := _UNKIND.search(text) or _AGAINST.search(text):
        raise ValueError(f"{text!r} is unkind ({found.group()!r})")
    if any(
        _bare(text).startswith(_bare(one)) or _bare(one).startswith(_bare(text)) for one in taken
    ):
        raise ValueError(f"{text!r} is there already")


def check_tip(text: str) -> None:
    """Raises ValueError for a tip that tells something instead of saying what to do."""
    if _TELLING.match(text):
        raise ValueError(f"{text!r} does not say what to do")


def check_closing(text: str) -> None:
    """Raises ValueError for a closing line that asks."""
    if "?" in text:
        raise ValueError(f"{text!r} closes nothing")


def cut(text: str, chars: int) -> str:
    """`text`, or what of it ends at a clause within `chars`. Raises TooLong if nothing does."""
    line = text.strip()
    if len(line) <= chars:
        return line
    head = line[: chars + 1]
    for marks in (".;!?", ","):
        at = max(head.rfind(mark) for mark in marks)
        if at >= chars // 3:
            return head[:at]
    raise TooLong(ended(line, chars))


class TooLong(ValueError):
    """A line that ends at no clause in time; `shortened` ends where a phrase may."""

    def __init__(self, shortened: str) -> None:
        super().__init__(f"a line is too long: {shortened!r} …")
        self.shortened = shortened


def tidy(text: str) -> str:
    """`text` on one line, without list marks at its ends and without half a pair of quotes."""
    line = " ".join(text.split()).strip(_FILLER)
    return line if line.count('"') % 2 == 0 else line.replace('"', "")


def _bare(text: str) -> str:
    return text.rstrip(" .,;!").lower()
