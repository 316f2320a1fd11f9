"""The proxy in the sidecar: begun and ended on request, and anew where a new configuration asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference.reaching.to_embedded import ToEmbedded
from refrain_sidecar.protocol import ServeAction, ServeState
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
        self._under: Settings | None = None
        self._embedded: ToEmbedded | None = None
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
        """Serve anew where a changed configuration concerns it: streams under way are cut."""
        settings = self._service().parts.settings
        if self._hosting is None or self._under is None or settings is self._under:
            return
        # Once for each change.
        before, self._under = self._under, settings
        # A new configuration has an embedded engine of its own, and one is enough.
        if _concerns(before, settings) or self._embedded_runs:
            self._background.start(self._move(), "Serving under the new configuration")

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _move(self) -> None:
        async with self._turn:
            if self._hosting is not None:
                await self._end()
                await self._begin()

    @property
    def _embedded_runs(self) -> bool:
        return self._embedded is not None and self._embedded.alive

    async def _begin(self) -> None:
        # Its HTTP server takes a tenth of a second to load: only for those who serve.
        from refrain_sidecar.serve.hosting import Hosting

        # Held open: what an old configuration made closes when its last user has left.
        parts = await self._held.enter_async_context(self._service().parts)
        self._under, self._embedded = parts.settings, parts.chooser.embedded
        self._hosting = hosting = Hosting(parts.settings, parts.cache, embedded=self._embedded)
        self._held.push_async_callback(hosting.close)
        self._held.callback(hosting.subscribe(self._changed))
        await hosting.start()
        self._changed()

    async def _end(self) -> None:
        self._hosting = None
        await self._held.aclose()
        self._changed()


def _concerns(before: Settings, now: Settings) -> bool:
    mine = [(s.serve, s.caching, s.networking, s.inference.base_url) for s in (before, now)]
    return mine[0] != mine[1]
