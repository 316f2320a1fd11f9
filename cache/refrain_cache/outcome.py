"""How one lookup ended: in exactly one of five ways."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from attrs import frozen

OutcomeName = Literal["hit", "coalesced", "miss", "bypass", "refused"]
Tier = Literal["memory", "disk", "shared"]
T = TypeVar("T")


# Made on every lookup: without slots, a frozen class is made in half the time.
@frozen(slots=False)
class Outcome(Generic[T]):
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
