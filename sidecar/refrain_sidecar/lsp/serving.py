"""The proxy in the sidecar: begun and ended on request, and begun anew by a new configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from refrain_sidecar.protocol import ServeAction, ServeState
from refrain_sidecar.service.assembly import Assembly
from refrain_sidecar.service.background import Background
from refrain_sidecar.service.service import Service

if TYPE_CHECKING:
    from refrain_sidecar.serve.hosting import Hosting


class Serving:
    """Holds the proxy, while there is one, and the assembly whose cache it answers from.

    `changed` is called whenever its state or its counts change.
    """

    def __init__(
        self,
        service: Callable[[], Service],
        background: Background,
        changed: Callable[[], None],
    ) -> None:
        self._service = service
        self._background = background
        self._changed = changed
        self._hosting: Hosting | None = None
        self._parts: Assembly | None = None
        self._held = AsyncExitStack()
        # A start asked for during a stop waits for its end: both want the same port.
        self._turn = asyncio.Lock()

    @property
    def state(self) -> ServeState:
        return ServeState(running=False) if self._hosting is None else self._hosting.state

    async def act(self, action: ServeAction) -> ServeState:
        """Start or stop the proxy, or neither; both may be asked for twice. Returns its state."""
        async with self._turn:
            if action == "start" and not self.state.running:
                await self._end()
                await self._begin()
            elif action == "stop":
                await self._end()
        return self.state

    def follow(self) -> None:
        """Under a changed configuration its cache is another one, and its port may be."""
        if self._hosting is not None and self._parts is not self._service().parts:
            self._parts = self._service().parts  # once for each change
            self._background.start(self._move(), "Serving under the new configuration")

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _move(self) -> None:
        async with self._turn:
            if self._hosting is not None:
                await self._end()
                await self._begin()

    async def _begin(self) -> None:
        # Its HTTP server takes a tenth of a second to load: only for those who serve.
        from refrain_sidecar.serve.hosting import Hosting

        # Held open: what an old configuration made closes when its last user has left.
        self._parts = parts = await self._held.enter_async_context(self._service().parts)
        self._hosting = hosting = Hosting(parts.settings, parts.cache)
        self._held.push_async_callback(hosting.close)
        self._held.callback(hosting.subscribe(self._changed))
        await hosting.start()
        self._changed()

    async def _end(self) -> None:
        self._hosting = None
        await self._held.aclose()
        self._changed()
