"""The one connection that answers are read on: requests do not wait for each other's replies."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from functools import partial
from itertools import chain
from typing import Any

from refrain_cache.shared.value import LARGEST_BYTES

# GETRANGE name 0 LARGEST_BYTES, as servers read it.
_ASKED = b"*4\r\n$8\r\nGETRANGE\r\n$%%d\r\n%%b\r\n$1\r\n0\r\n$%d\r\n%d\r\n" % (
    len(str(LARGEST_BYTES)),
    LARGEST_BYTES,
)
# Longer than any reply's first line.
_LINE_BYTES = 8192
# At most so many values of the largest size are in memory at a time.
_AT_ONCE = 32

Reply = bytes | Exception


class Line(asyncio.Protocol):
    """Reads of values, each cut at what no value of ours is longer than; equal ones are one.

    redis-py connects and is then left out: what it does for a reply takes longer than the reply.
    """

    def __init__(self, pool: Any, connection: Any, transport: Any, limit_s: float) -> None:
        self.is_open = True
        self._pool = pool
        self._connection = connection
        self._transport = transport
        self._before = transport.get_protocol()
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._callers: dict[str, list[asyncio.Future[Reply]]] = {}
        self._later: deque[str] = deque()
        # When each was asked, and what for: replies come in this order.
        self._asked: deque[tuple[float, str]] = deque()
        self._come = b""
        # Armed once for all that is asked within the limit.
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    @classmethod
    async def opened(cls, client: Any, limit_s: float) -> Line | None:
        """A line on one of a client's connections; None where there is none to have.

        That is so on a cluster: its client knows which of its servers has what.
        """
        pool = getattr(client, "connection_pool", None)
        if pool is None:
            return None
        connection = await pool.get_connection()
        # Not public. Where it is called otherwise, reading takes redis-py's own way.
        writer = getattr(connection, "_writer", None)
        if writer is None:
            await pool.release(connection)
            return None
        return cls(pool, connection, writer.transport, limit_s)

    async def close(self) -> None:
        """Wait for what is under way, no longer than the time limit, and hang up."""
        if waiting := list(chain(*self._callers.values())):
            await asyncio.wait(waiting)
        with contextlib.suppress(Exception):
            await self._connection.disconnect(nowait=True)
            await self._pool.release(self._connection)

    def ask(self, name: str) -> asyncio.Future[Reply]:
        """The value under a name, empty if there is none; or what is wrong with it, or the server.

        TimeoutError and ConnectionError end the line, as does whatever is no reply.
        """
        future: asyncio.Future[Reply] = self._loop.create_future()
        callers = self._callers.get(name)
        if callers is not None:
            callers.append(future)
            return future
        self._callers[name] = [future]
        if len(self._asked) < _AT_ONCE:
            self._send(name)
        else:
            self._later.append(name)
        return future

    def data_received(self, data: bytes) -> None:
        self._come += data
        try:
            while self._come and self._take():
                pass
        except (ValueError, IndexError):
            self._end(ValueError(f"what it says is no reply: {self._come[:40]!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or ConnectionResetError("the server has hung up"))
        # redis-py waits for this when it closes.
        self._before.connection_lost(error)

    def _send(self, name: str) -> None:
        encoded = name.encode()
        self._asked.append((self._loop.time(), name))
        self._transport.write(_ASKED % (len(encoded), encoded))
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit_s, self._look)

    def _take(self) -> bool:
        """Take one reply off what has come; False if it is not whole yet."""
        come = self._come
        at = come.find(b"\r\n", 0, _LINE_BYTES)
        if at < 0:
            if len(come) < _LINE_BYTES:
                return False
            raise ValueError
        kind, ends_at = come[:1], at + 2
        reply: Reply
        if kind == b"$":
            size = int(come[1:at])
            # GETRANGE gives the byte it ends at as well.
            if not 0 <= size <= LARGEST_BYTES + 1:
                raise ValueError
            ends_at += size + 2
            if len(come) < ends_at:
                return False
            reply = come[at + 2 : ends_at - 2]
        elif kind == b"-":
            reply = RuntimeError(come[1:at].decode("utf-8", "replace"))
        else:
            raise ValueError
        _, name = self._asked.popleft()
        self._come = come[ends_at:]
        if self._later:
            self._send(self._later.popleft())
        self._tell(name, reply)
        return True

    def _tell(self, name: str, reply: Reply) -> None:
        for future in self._callers.pop(name):
            # Whoever was cancelled waits no more.
            if not future.done():
                future.set_result(reply)

    def _look(self, *, again: bool = False) -> None:
        """See whether what was asked first has been waited for longer than the limit."""
        self._timer = None
        if not self._asked:
            return
        left_s = self._asked[0][0] + self._limit_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        elif again:
            self._end(TimeoutError())
        else:
            # What came in time while the loop was held up is read one step later.
            self._timer = self._loop.call_later(0, partial(self._look, again=True))

    def _end(self, error: Exception) -> None:
        self.is_open = False
        self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._asked.clear()
        self._later.clear()
        for name in tuple(self._callers):
            self._tell(name, error)
