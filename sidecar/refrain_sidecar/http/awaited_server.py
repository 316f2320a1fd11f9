"""uvicorn's server, asleep as long as nobody asks it anything."""

from __future__ import annotations

import asyncio
from types import FrameType

import uvicorn


class AwaitedServer(uvicorn.Server):
    """Waits to be told to leave, where uvicorn looks ten times a second whether it is to.

    That costs a fifth of a percent of a core for ever. It sends no Date, which such a look renews.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        config.date_header = False
        super().__init__(config)
        self._loop = asyncio.get_running_loop()
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Serve no longer. From a signal handler, too."""
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._leaving.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.leave()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._leaving.wait()
