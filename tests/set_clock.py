"""A clock that a test sets."""

from __future__ import annotations

import time


class SetClock:
    """A wall clock that stands still until it is moved; what is measured is measured for real."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at

    def now(self) -> float:
        """Seconds since the Unix epoch, as the test has it."""
        return self.at

    def tick(self) -> float:
        """Seconds from an arbitrary start, monotonic."""
        return time.perf_counter()
