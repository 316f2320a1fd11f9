"""Where time comes from. Tests pass a clock of their own."""

from __future__ import annotations

import time
from typing import Protocol


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
