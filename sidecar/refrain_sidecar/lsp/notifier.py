"""Tell the editor that something changed: soon after a change, at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

MIN_SECONDS_BETWEEN = 1.0


class Notifier:
    """Turns many `changed()` calls into at most one `send()` a second, the last included."""

    def __init__(self, send: Callable[[], Awaitable[None]]) -> None:
        self._send = send
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._send()
            await asyncio.sleep(MIN_SECONDS_BETWEEN)
