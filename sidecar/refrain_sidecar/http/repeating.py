"""Sending a request again, by stamina: which ones, after which pause, and a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina
from attrs import frozen

T = TypeVar("T")

# What stamina itself says of a repeat names neither the server nor the cause; our line does. A
# host program that has set this level keeps it.
_STAMINA = logging.getLogger("stamina")
if _STAMINA.level == logging.NOTSET:
    _STAMINA.setLevel(logging.ERROR)


class RepeatableError(Exception):
    """An error that knows whether its request may be sent again.

    `safe_to_repeat` says that doing so can neither do harm nor repeat work that already reached
    us. `retry_after` is the pause in seconds that the server asked for, None if it named none.
    """

    def __init__(
        self, message: str, *, safe_to_repeat: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.safe_to_repeat = safe_to_repeat
        self.retry_after = retry_after


@frozen
class Repeating:
    """How patient to be; pauses in seconds, doubling from `first_s` up to `last_s`.

    A server that asks for a pause longer than `longest_s` is reported instead of waited for.
    """

    retries: int
    first_s: float
    last_s: float
    longest_s: float
    log: logging.Logger

    async def call(self, send: Callable[[], Awaitable[T]]) -> T:
        """What `send` returns, called again after each RepeatableError that is safe to repeat."""
        tries = stamina.retry_context(
            on=self._pause,
            attempts=self.retries + 1,
            timeout=None,
            wait_initial=self.first_s,
            wait_max=self.last_s,
            wait_jitter=self.first_s,
        )
        async for attempt in tries:
            if attempt.num > 1:
                self.log.debug("try %d of %d", attempt.num, self.retries + 1)
            with attempt:
                return await send()
        raise AssertionError("stamina ends with a result or an error")

    def _pause(self, error: Exception) -> bool | float:
        """stamina's hook: True for its own pause, seconds for the server's, False for no repeat."""
        if not isinstance(error, RepeatableError) or not error.safe_to_repeat:
            return False
        if error.retry_after is not None and error.retry_after > self.longest_s:
            return False
        self.log.debug("may be repeated: %s", error.message)
        return True if error.retry_after is None else error.retry_after
