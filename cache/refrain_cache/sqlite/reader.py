"""The read connections: one over aiosqlite, where every statement is one thread hop, and others."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import aiosqlite

from refrain_cache.forking import Latch
from refrain_cache.sqlite.faults import StoreFault, fault_of
from refrain_cache.sqlite.place import Place

Row = tuple[Any, ...]

# Only for cursors that are read piece by piece, of which there are none here.
_CHUNK = 64
# A thread that read nothing for so long is ended, and made anew by the next read.
_IDLE_S = 5.0


class Rows(list[Row]):
    """What a statement found, all of it: one left in the middle would hold the WAL."""

    def fetchall(self) -> list[Row]:
        return self

    def fetchone(self) -> Row | None:
        return self[0] if self else None


class ReadConnection:
    """A connection that reads. A fork closes it; the next use of it opens it again."""

    def __init__(self, place: Place, busy_ms: int) -> None:
        self._place = place
        self._busy_ms = busy_ms
        self._latch = Latch()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """The rows of one statement. Raises StoreFault when the file cannot be opened."""
        latch = self._latch
        with latch.lock:
            if latch.conn is None:
                latch.conn = self._place.connect_reader(self._busy_ms)
            return Rows(latch.conn.execute(sql, values).fetchall())

    def close(self) -> None:
        with self._latch.lock:
            self._latch.close()


class Reader:
    """Reads for one event loop. A program that forgets to close still ends."""

    def __init__(self, place: Place, busy_ms: int) -> None:
        self._place = place
        self._busy_ms = busy_ms
        self._conn: aiosqlite.Connection | None = None
        self._generation = -1
        self._opening = asyncio.Lock()
        self._reads = 0
        self._idle: asyncio.TimerHandle | None = None
        # Connections whose threads have been told to end.
        self._ending: list[asyncio.Future[Any]] = []

    async def fetch(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of one statement. Raises StoreFault."""
        conn = self._conn
        self._reads += 1
        try:
            if conn is None or self._generation != self._place.generation:
                conn = await self._open()
            # The list that sqlite3 made, which aiosqlite declares as an iterable of sqlite3.Row.
            return await conn.execute_fetchall(sql, values)  # type: ignore[return-value]
        except (sqlite3.Error, StoreFault) as error:
            if conn is not None and conn is self._conn:
                self._drop(conn)
            found = fault_of(error, self._place.path)
            self._place.found_damaged(self._generation, found)
            raise StoreFault(found) from error

    async def close(self) -> None:
        """End the connection and its thread after what is queued."""
        async with self._opening:
            if self._idle is not None:
                self._idle.cancel()
            if self._conn is not None:
                self._drop(self._conn)
            # Before the loop is closed: a thread that cannot say it has ended complains of it.
            await asyncio.gather(*self._ending)

    def _drop(self, conn: aiosqlite.Connection) -> None:
        self._conn = None
        self._ending = [ending for ending in self._ending if not ending.done()]
        stopped = conn.stop()
        if stopped is not None:
            self._ending.append(stopped)

    async def _open(self) -> aiosqlite.Connection:
        async with self._opening:
            if self._conn is not None and self._generation == self._place.generation:
                return self._conn
            if self._conn is not None:
                self._drop(self._conn)
            generation = self._place.generation
            reading = cast(sqlite3.Connection, ReadConnection(self._place, self._busy_ms))
            conn = await _made_by_a_daemon(lambda: reading)
            self._conn, self._generation = conn, generation
            self._end_when_idle()
            return conn

    def _end_when_idle(self) -> None:
        if self._idle is None:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(_IDLE_S, self._look_if_idle, self._reads)

    def _look_if_idle(self, reads: int) -> None:
        self._idle = None
        if self._conn is not None and reads == self._reads:
            self._drop(self._conn)
        elif self._conn is not None:
            self._end_when_idle()


def _made_by_a_daemon(open_: Callable[[], sqlite3.Connection]) -> aiosqlite.Connection:
    # aiosqlite's threads are no daemons by themselves, and the interpreter would wait for one that
    # was never closed; but a thread inherits that from the thread that makes it.
    made: list[aiosqlite.Connection] = []
    maker = threading.Thread(
        target=lambda: made.append(aiosqlite.Connection(open_, _CHUNK)), daemon=True
    )
    maker.start()
    maker.join()
    return made[0]
