"""Counting what lookups came to: this session's, and what is still to be added to the file."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from refrain_cache.accounts.tally import Group, Tallies, Tally, add_all, bucket_of
from refrain_cache.entry import OutcomeName

# Names of counts in a tally; a miss is counted as `miss:` and its cause.
COALESCED, BYPASSED, REFUSED, SAVED_MS = "coalesced", "bypassed", "refused", "saved_ms"
HIT, MISS = "hit:", "miss:"
FROM_MEMORY, FROM_DISK, FROM_SHARED = HIT + "memory", HIT + "disk", HIT + "shared"
# What the shared tier had and was not given out. No lookup's end: that comes to something else.
REFUSED_SHARED = "refused:shared"
_COUNTED_AS = {"coalesced": COALESCED, "bypass": BYPASSED, "refused": REFUSED}
MINUTE_S = 60
_TIMELINE_MINUTES = 60


@frozen
class MinuteTallies:
    """What was counted in the minute that began at `start` (seconds since the epoch)."""

    start: int
    tallies: Tallies


class Counters:
    """A lookup ends in exactly one call of `hit` or `ended`."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._session: Tallies = {}
        self._minutes: dict[int, Tallies] = {}
        self._unsaved: list[MinuteTallies] = []
        self._current: Tallies = {}
        self._start = self._end = 0
        self._begin(now())

    def hit(self, group: Group, tier: str, lookup_ms: float, saved_ms: float, now: float) -> None:
        if not self._start <= now < self._end:
            self._begin(now)
        tally = self._current.get(group)
        if tally is None:
            tally = self._current[group] = Tally()
        counts = tally.counts
        counts[tier] += 1
        counts[SAVED_MS] += saved_ms
        tally.latencies["hit"][bucket_of(lookup_ms)] += 1

    def ended(
        self, group: Group, outcome: OutcomeName, cause: str = "", total_ms: float | None = None
    ) -> None:
        """No hit. A miss has a cause, and took `total_ms` if something was computed."""
        tally = self._tally(group)
        tally.counts[MISS + cause if outcome == "miss" else _COUNTED_AS[outcome]] += 1
        if outcome == "miss" and total_ms is not None:
            tally.latencies["miss"][bucket_of(total_ms)] += 1

    def stored(self, group: Group, ms: float) -> None:
        self._tally(group).latencies["store"][bucket_of(ms)] += 1

    def refused_shared(self, group: Group) -> None:
        self._tally(group).counts[REFUSED_SHARED] += 1

    def session(self) -> Tallies:
        """Everything since the cache was opened."""
        whole: Tallies = {}
        add_all(whole, self._session)
        add_all(whole, self._current)
        return whole

    def minutes(self) -> list[MinuteTallies]:
        """This session's last hour, minute by minute."""
        recent = dict(self._minutes)
        if self._current:
            merged: Tallies = {}
            add_all(merged, recent.get(self._start, {}))
            add_all(merged, self._current)
            recent[self._start] = merged
        return [MinuteTallies(start, recent[start]) for start in sorted(recent)]

    def take_unsaved(self) -> list[MinuteTallies]:
        """What no file has seen yet; the caller must save it or give it back."""
        self._begin(self._now())
        taken, self._unsaved = self._unsaved, []
        return taken

    def give_back(self, unsaved: list[MinuteTallies]) -> None:
        """Keep for the next try what could not be saved."""
        self._unsaved = unsaved + self._unsaved
        if len(self._unsaved) > _TIMELINE_MINUTES:
            # A long bypass: fold the oldest together, so that waiting never grows.
            first, second, *rest = self._unsaved
            add_all(second.tallies, first.tallies)
            self._unsaved = [second, *rest]

    def _begin(self, now: float) -> None:
        current = self._current
        if current:
            add_all(self._session, current)
            add_all(self._minutes.setdefault(self._start, {}), current)
            self._unsaved.append(MinuteTallies(self._start, current))
            # In the order they were counted: a clock may have been ahead for a while.
            for old in list(self._minutes)[:-_TIMELINE_MINUTES]:
                del self._minutes[old]
        self._start = int(now // MINUTE_S) * MINUTE_S
        self._end = self._start + MINUTE_S
        self._current = {}

    def _tally(self, group: Group) -> Tally:
        now = self._now()
        if not self._start <= now < self._end:
            self._begin(now)
        tally = self._current.get(group)
        if tally is None:
            tally = self._current[group] = Tally()
        return tally
