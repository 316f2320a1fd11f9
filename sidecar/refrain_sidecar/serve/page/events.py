"""Server-sent events: one kind of event, made anew whenever something has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

Listen = Callable[[Callable[[], None]], Callable[[], None]]
"""Calls a listener at each change; gives a function that ends it."""

AT_MOST_EVERY_S = 1.0
# So often that whatever stands between sees life, and a client that vanished is noticed.
HEARTBEAT_S = 15.0
_RETRY = "retry: 1000\n\n"
_HEARTBEAT = ": here\n\n"


class Events:
    """Streams of one event. Changes while a client reads slowly come to one event, the newest."""

    def __init__(self, name: str, data: Callable[[], Awaitable[str]], *changes: Listen) -> None:
        """`data` is one line of text."""
        self._name = name
        self._data = data
        self._changes = changes
        self._ended = asyncio.Event()

    def end(self) -> None:
        """End every stream, and each that is asked for from now on at once."""
        self._ended.set()

    def response(self) -> StreamingResponse:
        """One client's stream."""
        headers = {"Cache-Control": "no-store"}
        return _Stream(self._stream(), media_type="text/event-stream", headers=headers)

    async def _stream(self) -> AsyncGenerator[str, None]:
        changed = asyncio.Event()
        changed.set()
        stops = [listen(changed.set) for listen in self._changes]
        try:
            yield _RETRY
            while not self._ended.is_set():
                if await self._either(changed, HEARTBEAT_S):
                    changed.clear()
                    yield f"event: {self._name}\ndata: {await self._data()}\n\n"
                    await self._either(self._ended, AT_MOST_EVERY_S)
                elif not self._ended.is_set():
                    yield _HEARTBEAT
        finally:
            for stop in stops:
                stop()

    async def _either(self, event: asyncio.Event, within_s: float) -> bool:
        """Whether `event` came before the end and the time."""
        waiting = [asyncio.ensure_future(each.wait()) for each in (event, self._ended)]
        try:
            await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        return event.is_set()


class _Stream(StreamingResponse):
    """Ends its listening with its client, also where it stands between two events."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self.body_iterator
        assert isinstance(stream, AsyncGenerator)
        async with aclosing(stream):
            with suppress(OSError):
                await super().__call__(scope, receive, send)
