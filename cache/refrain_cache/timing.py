"""Where time comes from, and how long the cache waits for things. Tests pass their own."""

from __future__ import annotations

import time
from typing import Protocol

from attrs import frozen


class Clock(Protocol):
    """`now` is for what is stored (it may jump); `tick` is for what is measured (it never does)."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def tick(self) -> float:
        """Seconds from an arbitrary start, monotonic."""
        ...


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.time)
    tick = staticmethod(time.perf_counter)


@frozen
class Timing:
    """Each figure, in seconds, with the reason for its value."""

    # One try at a lock. Short, so that work with a nearer deadline queued behind it is not held up.
    busy: float = 0.05
    # A lookup that may run its engine unguarded for once must not wait for a lock much longer than
    # people notice.
    lease_patience: float = 0.25
    # A store runs behind the reply or was asked to be durable: worth outlasting a backup program.
    store_patience: float = 5.0
    # Touches and tallies are written, and purges by other processes seen, this often while in use.
    flush: float = 2.0
    # An owner shows that it lives every `beat`; three missed ones and it counts as dead.
    beat: float = 1.0
    stale_after: float = 3.5
    # How often a waiter looks whether another process has finished: from the first to the last.
    watch_first: float = 0.01
    watch_last: float = 0.1
    # Bypass is tried again after the first, then doubling up to the last.
    probe_first: float = 0.5
    probe_last: float = 15.0
    # Flushing at close must not hang an editor that is shutting down.
    close_patience: float = 5.0
