"""How long an engine that failed while it was asked is left alone."""

from __future__ import annotations

from time import monotonic

# So soon may one that was only started anew answer again.
FIRST_S = 5.0
# One that fails again so soon after that is left alone for twice as long as before.
SOON_S = 60.0
LONGEST_S = 300.0


class Shunning:
    """Grows while an engine that can be reached keeps failing, so that requests do not flap."""

    def __init__(self) -> None:
        self._until = 0.0
        self._seconds = 0.0

    @property
    def now(self) -> bool:
        """Whether it is to be left alone."""
        return monotonic() < self._until

    def failed(self) -> None:
        """It failed. Those that fail at once with others, fail once."""
        if self.now:
            return
        again_soon = monotonic() < self._until + SOON_S
        self._seconds = min(self._seconds * 2, LONGEST_S) if again_soon else FIRST_S
        self._until = monotonic() + self._seconds

    def end(self) -> None:
        """It is to be tried at once, because the other one failed too."""
        self._until = min(self._until, monotonic())
