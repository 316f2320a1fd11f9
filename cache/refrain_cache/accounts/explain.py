"""Why a lookup misses. Pure: facts in, a cause out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from refrain_cache.entry import Difference, Explanation
from refrain_cache.fingerprint import HASH_PREFIX, Fingerprint, ingredients_of

NEVER_SEEN, STORED, AFRESH = "never seen", "stored", "asked afresh"
EXPIRED, EVICTED, PURGED, DAMAGED = "expired", "evicted", "purged", "damaged"
_ABSENT = "(none)"
_SHOWN_CHARS = 40


@frozen
class Tombstone:
    """Why and when (seconds since the epoch) an entry went."""

    why: str
    died_at: float


@frozen
class Relative:
    """A stored entry that might explain a miss by what it differs in."""

    key: str
    content: str
    recipe: str

    def ingredients(self) -> dict[str, str]:
        return dict(ingredients_of(self.content, self.recipe))


@frozen
class Facts:
    """What the store knows that bears on one lookup. `expires_at` is of the entry itself.

    `elsewhere`: the shared tier has it.
    """

    stored: bool = False
    elsewhere: bool = False
    expires_at: float | None = None
    tombstone: Tombstone | None = None
    relatives: tuple[Relative, ...] = ()


def cause_of(explanation: Explanation) -> str:
    """The cause without its particulars, for counting: "the model changed"."""
    return explanation.cause.partition(":")[0]


def explain(fingerprint: Fingerprint, facts: Facts, now: float) -> Explanation:
    """Why a lookup of `fingerprint` hits or misses at `now`."""
    nearest, differences = _nearest(fingerprint, facts.relatives)

    def because(cause: str, summary: str, *, hit: bool = False) -> Explanation:
        return Explanation(
            fingerprint.key, fingerprint.kind, hit, cause, summary, nearest, differences
        )

    if facts.stored and (facts.expires_at is None or facts.expires_at > now):
        return because(STORED, "The answer is stored: asking now would be a hit.", hit=True)
    if facts.elsewhere:
        return because(STORED, "The shared tier has it: asking now would be a hit.", hit=True)
    if facts.stored and facts.expires_at is not None:
        since = _ago(now - facts.expires_at)
        return because(EXPIRED, f"The answer was stored, but expired {since}.")
    if facts.tombstone is not None:
        return because(*_buried(facts.tombstone, now))
    if differences and not any(d.ingredient.startswith("content") for d in differences):
        cause = _what_changed(differences)
        return because(cause, f"The same question was answered before, but {cause}.")
    return because(NEVER_SEEN, "This question has not been asked before.")


def asked_afresh(fingerprint: Fingerprint) -> Explanation:
    """Why a lookup missed that did not look."""
    summary = "A fresh answer was asked for, so what was stored was not looked at."
    return Explanation(fingerprint.key, fingerprint.kind, False, AFRESH, summary)


def explain_without_ingredients(key: str, facts: Facts, now: float) -> Explanation:
    """Why a key that is not stored misses: all that is left of it is a tombstone, or nothing."""
    if facts.tombstone is not None:
        return Explanation(key, None, False, *_buried(facts.tombstone, now))
    summary = f"No stored entry's key begins with {key!r}, and none that did is remembered."
    return Explanation(key, None, False, NEVER_SEEN, summary)


def _buried(tombstone: Tombstone, now: float) -> tuple[str, str]:
    summary = _BURIED.get(tombstone.why, "The answer was stored once; it went {when}.")
    return tombstone.why, summary.format(when=_ago(now - tombstone.died_at))


_BURIED = {
    EXPIRED: "The answer was stored, but expired and was cleared {when}.",
    EVICTED: "The answer was stored, but made room for others {when} (caching.max_bytes).",
    PURGED: "The answer was stored, but was purged {when}.",
    DAMAGED: "The answer was stored, but its bytes were found damaged {when} and were dropped.",
}


def _nearest(
    fingerprint: Fingerprint, relatives: Iterable[Relative]
) -> tuple[str | None, tuple[Difference, ...]]:
    ours = fingerprint.ingredients
    compared: list[tuple[str | None, tuple[Difference, ...]]] = [
        (relative.key, differing(relative.ingredients(), ours))
        for relative in relatives
        if relative.key != fingerprint.key
    ]
    return min(compared, key=lambda found: len(found[1]), default=(None, ()))


def differing(stored: Mapping[str, str], now: Mapping[str, str]) -> tuple[Difference, ...]:
    """Every ingredient that differs, in the order of their names."""
    return tuple(
        Difference(name, stored.get(name, _ABSENT), now.get(name, _ABSENT))
        for name in sorted({*stored, *now})
        if stored.get(name) != now.get(name)
    )


def _what_changed(differences: tuple[Difference, ...]) -> str:
    # The weightiest change is the one to name: with a new model, its digest and options follow.
    what, changed = next(
        (what, found)
        for what, matches in _CHANGES
        if (found := [d for d in differences if matches(d.ingredient)])
    )
    # The name of a model says more to a person than its digest.
    first = min(changed, key=lambda d: (not d.ingredient.endswith("model"), d.ingredient))
    name = "" if what != "an option changed" else first.ingredient.rpartition(".")[2] + " "
    return f"{what}: {name}{_shown(first.stored)} → {_shown(first.now)}"


_MODEL = {"identity.model", "identity.digest", "identity.model_digest"}
# The last matches whatever is left.
_CHANGES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("the model changed", lambda name: name in _MODEL),
    ("the prompt changed", lambda name: name.startswith("identity.") and "prompt" in name),
    ("the engine changed", lambda name: name.startswith(("identity.engine", "identity.version"))),
    ("an option changed", lambda name: True),
)


def _shown(value: str) -> str:
    if value == _ABSENT:
        return "none"
    if value.startswith(HASH_PREFIX):
        return value[: len(HASH_PREFIX) + 8] + "…"
    plain = json.loads(value)
    text = plain if isinstance(plain, str) else value
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def _ago(seconds: float) -> str:
    if seconds < 0:
        return "in the future (the clock was set back)"
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            n = int(seconds // size)
            return f"{n} {unit}{'s' if n > 1 else ''} ago"
    return "less than a minute ago"
