"""What lookups ask for: one alone at once, many gathered; one request for equal keys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial

from refrain_cache.shared.faults import ForeignKey, Unavailable
from refrain_cache.shared.line import Line
from refrain_cache.shared.link import Link

# At most so many values of the largest size are in memory at a time.
_BATCH = 32

Read = bytes | ForeignKey | Unavailable


class Reads:
    """Reads for one event loop. A caller that is cancelled leaves the others theirs.

    Who finds nothing under way reads by itself: a task for it would take half as long as reading.
    Whoever comes meanwhile waits for that, and is then served with all the others that do.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._line = Line()
        self._alone: str | None = None
        self._asked: dict[str, asyncio.Future[Read]] = {}
        self._waiting: list[str] = []
        self._reading: asyncio.Task[None] | None = None

    async def get(self, name: str) -> bytes:
        """The value under a name, empty if there is none. Raises Unavailable, ForeignKey."""
        found: Read | None = None
        if self._alone is None and self._reading is None:
            self._alone = name
            try:
                (found,) = await self._read((name,))
            finally:
                self._alone = None
                if self._asked:
                    self._go_on(name, found)
        else:
            found = await asyncio.shield(self._asked.get(name) or self._wait_for(name))
        if isinstance(found, bytes):
            return found
        raise found.with_traceback(None)

    async def close(self) -> None:
        """Wait for what is under way: no longer than the link's time limit."""
        if self._alone is not None:
            with contextlib.suppress(ForeignKey, Unavailable):
                await self.get(self._alone)
        if self._reading is not None:
            await self._reading

    def _wait_for(self, name: str) -> asyncio.Future[Read]:
        future = self._asked[name] = asyncio.get_running_loop().create_future()
        if name != self._alone:
            self._waiting.append(name)
        return future

    def _go_on(self, name: str, found: Read | None) -> None:
        """Read for those who came while `name` was read alone; None: that was cancelled."""
        if found is not None and name in self._asked:
            self._asked.pop(name).set_result(found)
        elif name in self._asked:
            self._waiting.append(name)
        if self._waiting:
            self._reading = asyncio.get_running_loop().create_task(self._read_waiting())

    async def _read_waiting(self) -> None:
        while self._waiting:
            names, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            for name, found in zip(names, await self._read(names), strict=True):
                self._asked.pop(name).set_result(found)
        self._reading = None

    async def _read(self, names: Sequence[str]) -> Sequence[Read]:
        try:
            return await self._link.ask(partial(self._line.fetch, names=names))
        except (Unavailable, ForeignKey) as error:
            return [error] * len(names)
