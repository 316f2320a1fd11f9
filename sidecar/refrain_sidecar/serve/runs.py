"""Requests under way upstream, each followed by every client that asks the same meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

from refrain_sidecar.serve.figures import InFlight
from refrain_sidecar.serve.stored import Headers

# What is longer is passed on and not kept: a photograph's description is a few kilobytes.
KEPT_BYTES: Final = 16 * 1024 * 1024
# How far upstream may be ahead of the fastest client.
_AHEAD_BYTES: Final = 256 * 1024
# Who is behind, or has left, takes so many chunks in one turn of the loop: others wait for theirs.
TURN_CHUNKS: Final = 16


class Run:
    """One request upstream. Belongs to one event loop.

    Its task calls `begin`, `feed` and `end`; clients `follow`. Upstream is read no faster than the
    fastest client reads, and once the answer is too long to be kept, than the slowest. When the
    last client leaves before the end, the task is cancelled.
    """

    def __init__(self, endpoint: str, model: str, client: str, since: float) -> None:
        self._about = (endpoint, model, client, since)
        self.status = 0
        self.headers: Headers = []
        self.task: asyncio.Task[Any] | None = None
        self.sent = 0
        self.kept = True
        # Of a whole answer that may be kept: what it took.
        self.tokens: int | None = None
        self.took_ms = 0.0
        self._chunks: deque[bytes] = deque()
        # The number of the first chunk that is still here.
        self._first = 0
        # Of each follower: the number of the next chunk, and the offset at which that begins.
        self._places: dict[object, tuple[int, int]] = {}
        self._error: BaseException | None = None
        self.ended = False
        # Everybody left before its end: it is being cancelled, and nobody may join it.
        self.left = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def in_flight(self) -> InFlight:
        """As the page shows it."""
        return InFlight(*self._about, waiting=len(self._places), sent=self.sent)

    # --- the task's side ------------------------------------------------------------------------

    def begin(self, status: int, headers: Headers) -> None:
        """The answer has begun."""
        self.status, self.headers = status, headers
        self._tell()

    async def feed(self, chunk: bytes) -> None:
        """More of the answer has come. Waits while it is too far ahead of those who read it."""
        self._chunks.append(chunk)
        self.sent += len(chunk)
        if self.sent > KEPT_BYTES:
            self.kept = False
        self._tell()
        while self._places and self._ahead() > _AHEAD_BYTES:
            self._room.clear()
            await self._room.wait()

    def end(self, error: BaseException | None = None) -> None:
        """The answer is complete, or will never be."""
        if not self.ended:
            self.ended, self._error = True, error
            self._tell()

    def whole(self, tokens: int) -> int:
        """The answer is whole and may be kept; who comes now gets it as a hit. Returns `tokens`."""
        self.tokens, self.took_ms = tokens, (time.time() - self._about[3]) * 1e3
        return tokens

    # --- the clients' side ----------------------------------------------------------------------

    async def begun(self) -> None:
        """Wait for `status` and `headers`. Raises what the task ended with."""
        while not self.status:
            if self.ended:
                raise self._error or RuntimeError("the run ended before it began")
            await self._heard()

    async def follow(self, place: object) -> AsyncIterator[bytes]:
        """All of the answer, from its beginning on. Raises what the task ended with."""
        while True:
            number, offset = self._places[place]
            if number - self._first < len(self._chunks):
                chunk = self._chunks[number - self._first]
                yield chunk
                self._places[place] = (number + 1, offset + len(chunk))
                self._room.set()
                if not self.kept:
                    self._forget()
                if number % TURN_CHUNKS == TURN_CHUNKS - 1:
                    await asyncio.sleep(0)
            elif self.ended:
                if self._error is not None:
                    raise self._error
                return
            else:
                await self._heard()

    def join(self) -> object:
        """Be one of those the run goes on for, until `leave`."""
        place = object()
        self._places[place] = (0, 0)
        return place

    def leave(self, place: object) -> None:
        """Follow no longer. The last to leave before the end cancels the task."""
        del self._places[place]
        self._room.set()
        if not self._places and not self.ended and self.task is not None:
            self.left = True
            self.task.cancel()

    # --- inside ---------------------------------------------------------------------------------

    def _ahead(self) -> int:
        offsets = [offset for _, offset in self._places.values()]
        return self.sent - (max(offsets) if self.kept else min(offsets))

    def _forget(self) -> None:
        read = min((number for number, _ in self._places.values()), default=self._first)
        while self._first < read:
            self._chunks.popleft()
            self._first += 1

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _heard(self) -> None:
        await self._news.wait()
