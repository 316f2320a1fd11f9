"""Answers: what makes one worth storing, how a lookup ended, and stored ones as people see them.

What a valid entry is, is decided here, once, before anything is queued.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from attrs import field, frozen
from attrs.validators import ge, optional

from refrain_cache.codec import Encoded, encode
from refrain_cache.errors import EntryError
from refrain_cache.fingerprint import Fingerprint

log = logging.getLogger("refrain.cache")
T = TypeVar("T")

EntryOrder = Literal["recent", "created", "used", "size", "cost"]
CacheMode = Literal["on", "off", "bypass"]
OutcomeName = Literal["hit", "coalesced", "miss", "bypass", "refused"]
Tier = Literal["memory", "disk", "shared"]
# Told how many entries are done and of how many, None where that is not known.
Progress = Callable[[int, int | None], None]


# Made on every lookup: a tuple is, in half the time of a frozen class.
class Outcome(NamedTuple, Generic[T]):
    """An answer and how it came about. Durations in ms.

    `lookup_ms` is what finding out took, `total_ms` all of it. `cost_ms` is what the answer took to
    make, whenever that was; `saved_ms` is cost minus lookup on a hit, else 0. `reason` is a miss's
    cause ("never seen", "the model changed: a → b"), or why the cache was bypassed, or why the
    answer was not kept.
    """

    value: T
    outcome: OutcomeName
    tier: Tier | None
    key: str
    reason: str | None
    lookup_ms: float
    total_ms: float
    cost_ms: float
    saved_ms: float


@frozen
class SharedState:
    """The shared tier. `url` without secrets; `reason` says why it is left out, None if it is not.

    A server that is full, or takes no writes, is still read.
    """

    url: str
    reason: str | None


@frozen
class CacheState:
    """`off`: by configuration. `bypass`: answers are computed, not kept; `reason` says why.

    `shared` is None where none is configured.
    """

    mode: CacheMode
    reason: str | None
    path: str | None
    shared: SharedState | None = None


@frozen
class Entry:
    """One stored answer. Moments are seconds since the Unix epoch, durations ms.

    `bytes` is what it takes in the file: the packed answer, its ingredients and bookkeeping.
    `label` is what the caller gave (for one, `happy/grateful`), never private text.
    """

    key: str
    kind: str
    model: str
    label: str
    bytes: int
    created_at: float
    last_used_at: float
    expires_at: float | None
    uses: int
    cost_ms: float
    saved_ms: float


@frozen
class EntryPage:
    """A slice of the entries; `total` counts those that the slice was taken from."""

    total: int
    entries: tuple[Entry, ...]


@frozen
class Selection:
    """Which entries to purge; conditions are joined by *and*.

    `everything` must be said to purge all: an empty selection selects nothing. `older_than_s`
    counts seconds from an entry's making. `least_used` takes that many of the rest, least used
    first. `shared`: of the shared tier as well, whichever machine put them there.
    """

    everything: bool = False
    expired: bool = False
    kind: str | None = None
    model: str | None = None
    older_than_s: float | None = field(default=None, validator=optional(ge(0)))
    least_used: int | None = field(default=None, validator=optional(ge(1)))
    key_prefix: str | None = None
    shared: bool = False


@frozen
class Purged:
    """How many entries went (or, in a dry run, would go) and how many bytes they held.

    `shared` is how many of the shared tier did.
    """

    entries: int
    bytes: int
    shared: int = 0


@frozen
class Difference:
    """One ingredient that differs from the nearest stored relative. Private values are hashes."""

    ingredient: str
    stored: str
    now: str


@frozen
class Explanation:
    """Why a lookup would hit or miss now; `summary` is a sentence for people.

    `cause` is a short stable text ("stored", "never seen", "expired", "the model changed: a → b").
    `nearest` is the key of the closest stored relative.
    """

    key: str | None
    kind: str | None
    would_hit: bool
    cause: str
    summary: str
    nearest: str | None = None
    differences: tuple[Difference, ...] = ()


@frozen
class Transferred:
    """What an export or import did.

    `entries` went over. `here` were in the cache already, `expired` are past their time, `refused`
    failed a check. `rejected` says of up to a hundred of those which and why, then how many more.
    """

    path: Path
    entries: int
    here: int = 0
    expired: int = 0
    refused: int = 0
    rejected: tuple[str, ...] = ()


@frozen
class Verified:
    """What re-hashing every entry found; `damaged` maps a key to what does not match."""

    checked: int
    damaged: dict[str, str] = field(factory=dict)
    integrity: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.damaged and not self.integrity


# What a row takes beside its texts and its answer: numbers, digests and five indexes, measured on
# 10,000 entries (file size over their number, less their texts and answers).
ROW_OVERHEAD_BYTES = 460
# A year: what is dearer, infinite for one, would make every rank after it infinite.
_DEAREST_MS = 3.2e10
# A label is a few words for people; a longer one is cut.
_LABEL_CHARS = 200


@frozen
class NewEntry:
    """An answer that may be stored; `new_entry` makes it. `ttl` in seconds, None for ever.

    `bytes` is what it will take in the file.
    """

    fingerprint: Fingerprint
    encoded: Encoded
    ttl: float | None
    cost_ms: float
    label: str
    model: str
    bytes: int


def new_entry(
    fingerprint: Fingerprint,
    value: Any,
    *,
    ttl: float | None,
    cost_ms: float,
    label: str | Callable[[Any], str],
    model: str,
    large: bool = False,
) -> NewEntry:
    """A JSON `value` as an entry that can be stored and given back as it is.

    `ttl` is seconds, infinite or None for ever; `cost_ms` what the answer took to make. A label
    that cannot be made is left out; `large` is as of `codec.encode`. Raises EntryError, naming what
    is wrong (NotJsonError: the value).
    """
    for name, number in (("ttl", ttl), ("cost", cost_ms)):
        if number is not None and (not isinstance(number, (int, float)) or math.isnan(number)):
            raise EntryError(f"its {name} is {number!r}, no number")
    encoded = encode(value, large=large)
    kept_for = None if ttl is None or math.isinf(ttl) else float(ttl)
    cost_ms = min(max(cost_ms, 0.0), _DEAREST_MS)
    return encoded_entry(
        fingerprint,
        encoded,
        ttl=kept_for,
        cost_ms=cost_ms,
        label=_label(label, value),
        model=model,
    )


def encoded_entry(
    fingerprint: Fingerprint,
    encoded: Encoded,
    *,
    ttl: float | None,
    cost_ms: float,
    label: str,
    model: str,
) -> NewEntry:
    """The same of an answer that is encoded already, by whoever has checked these numbers."""
    texts = (label, model, fingerprint.kind, fingerprint.content, fingerprint.recipe)
    try:
        sizes = [len(text) if text.isascii() else len(text.encode()) for text in texts]
    except (AttributeError, UnicodeEncodeError) as error:
        raise EntryError(f"one of its texts cannot be stored: {error}") from error
    # The recipe is kept once for thousands of entries.
    size = ROW_OVERHEAD_BYTES + len(encoded.data) + sum(sizes[:-1])
    return NewEntry(fingerprint, encoded, ttl, cost_ms, label, model, size)


def _label(label: str | Callable[[Any], str], value: Any) -> str:
    if not callable(label):
        return label[:_LABEL_CHARS]
    try:
        return label(value)[:_LABEL_CHARS]
    except Exception as error:
        log.warning("An answer is stored without its label, which failed: %r", error)
        return ""
