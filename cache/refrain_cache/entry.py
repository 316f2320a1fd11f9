"""Stored answers as people see them: listed, selected, explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from attrs import field, frozen

EntryOrder = Literal["recent", "created", "used", "size", "cost"]
CacheMode = Literal["on", "off", "bypass"]
# Told how many entries are done and of how many, None where that is not known.
Progress = Callable[[int, int | None], None]


@frozen
class CacheState:
    """`off`: by configuration. `bypass`: answers are computed, not kept; `reason` says why."""

    mode: CacheMode
    reason: str | None
    path: str | None


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
    first.
    """

    everything: bool = False
    expired: bool = False
    kind: str | None = None
    model: str | None = None
    older_than_s: float | None = None
    least_used: int | None = None
    key_prefix: str | None = None


@frozen
class Purged:
    """How many entries went (or, in a dry run, would go) and how many bytes they held."""

    entries: int
    bytes: int


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

    `entries` went over. `here` were in the cache already, `expired` are past their time.
    `rejected` names each entry that failed its check, and why.
    """

    path: Path
    entries: int
    here: int = 0
    expired: int = 0
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
