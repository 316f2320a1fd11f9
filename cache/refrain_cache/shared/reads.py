"""The values that lookups ask for."""

from __future__ import annotations

import asyncio
from typing import Any

from refrain_cache.shared.faults import ForeignKey, Unavailable, is_foreign
from refrain_cache.shared.line import Line
from refrain_cache.shared.link import Link
from refrain_cache.shared.value import LARGEST_BYTES


class Reads:
    """Reads for one event loop. A caller that is cancelled leaves the others theirs."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._line: Line | None = None
        self._opening = asyncio.Lock()

    async def get(self, name: str) -> bytes:
        """The value under a name, empty if there is none. Raises Unavailable, ForeignKey."""
        link, line = self._link, self._line
        if line is None or not line.is_open:
            line = await self._opened()
        if line is None or link.is_left_out:
            return await link.ask(lambda client: client.getrange(name, 0, LARGEST_BYTES))
        found = await line.ask(name)
        if isinstance(found, bytes):
            return found
        if is_foreign(found):
            raise ForeignKey(str(found))
        raise Unavailable(link.failed(found))

    async def close(self) -> None:
        """Wait for what is under way: no longer than the link's time limit."""
        async with self._opening:
            if self._line is not None:
                await self._line.close()

    async def _opened(self) -> Line | None:
        """Raises Unavailable."""

        async def work(client: Any) -> Line | None:
            return await Line.opened(client, self._link.limit_s)

        async with self._opening:
            line = self._line
            if line is None or not line.is_open:
                if line is not None:
                    await line.close()
                self._line = line = await self._link.ask(work)
            return line
