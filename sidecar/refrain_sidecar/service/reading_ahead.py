"""What the engine reads before anybody asks. It stops for whoever does, and goes on afterwards.

Answers out of the cache need no engine and stop nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from refrain_sidecar.service.background import Background

# Whoever got one answer of the engine often wants another at once: Stage 2 after Stage 1.
QUIET_S = 0.5


class ReadingAhead:
    """Runs `read` behind the scenes once nobody has been served for `quiet_s` seconds, from its
    start until it has ended once.

    Read again, what an engine has read before takes it a moment.
    """

    def __init__(
        self,
        background: Background,
        read: Callable[[], Coroutine[Any, Any, None]],
        quiet_s: float = QUIET_S,
    ) -> None:
        self._background = background
        self._read = read
        self._quiet_s = quiet_s
        self._wanted = False
        self._served = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """There is something to read."""
        self._wanted = True
        self._go_on()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """The engine makes an answer for somebody: it is theirs."""
        self._served += 1
        self._stop()
        try:
            yield
        finally:
            self._served -= 1
            self._go_on()

    def _go_on(self) -> None:
        if self._wanted and not self._served:
            self._stop()
            self._task = self._background.start(self._run(), "Reading ahead")

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        await asyncio.sleep(self._quiet_s)
        await self._read()
        self._wanted = False
