"""Whether to ask a server that may be away, and when to try it again. Pure: bring a clock."""

from __future__ import annotations

# What worked for less is as likely to fail again: the pause goes on from where it was.
_STEADY_S = 10.0


class Breaker:
    """A circuit breaker that opens with the first failure.

    While it is open nobody asks but one trial, at `retry_at`; after each that fails the pause
    doubles, from `first_s` to `last_s`. Moments are seconds of one monotonic clock.
    """

    def __init__(self, first_s: float, last_s: float) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._pause_s = first_s
        self._closed_at = float("-inf")
        self.retry_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self.retry_at is not None

    def failed(self, now: float, *, trial: bool = False) -> None:
        """Note a failure. Of those that were asked before it opened only the first counts."""
        if self.is_open and not trial:
            return
        shaky = self.is_open or now - self._closed_at < _STEADY_S
        self._pause_s = min(self._pause_s * 2, self._last_s) if shaky else self._first_s
        self.retry_at = now + self._pause_s

    def worked(self, now: float) -> None:
        """Note that a trial was answered."""
        if self.is_open:
            self.retry_at = None
            self._closed_at = now
