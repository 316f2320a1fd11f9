"""Lookups in the event loop itself, where the disk answers faster than a thread could be woken.

A lookup takes SQLite 10 to 30 µs, a hop to a thread and back 20 to 120. In WAL mode a reader never
waits for a writer, so only the disk itself could hold the loop up; once it did twice in a row,
lookups go to the reader's thread for a while. So does whatever a lookup here cannot answer at once:
this is only a short cut, and never tells of a fault.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Final, final

from refrain_cache.forking import Latch
from refrain_cache.sqlite import rows
from refrain_cache.sqlite.faults import StoreFault
from refrain_cache.sqlite.place import Place
from refrain_cache.sqlite.reader import Row

# As long as an event loop may be held up unnoticed: a few reads of a busy solid-state disk.
_SLOW_S = 0.01
# For so many times its length a slow lookup is not tried here again, if another was slow as shortly
# before: at worst the loop is held up for a fiftieth of its time. A single one tells nothing of the
# disk: garbage was collected meanwhile, or another process had the core.
_APART = 100
# How long a file that could not be opened is left alone, in seconds.
_UNOPENED_S = 1.0
# Taking and giving back SQLite's locks is a third of a lookup. One that begins as shortly as this
# after another, in seconds, is one of many: it keeps them for the next,
_SOON_S = 0.0001
# until the loop goes on, or for so long: others' purges and replacements are seen as late.
_KEPT_S = 0.001
# Pages of one's own beyond the processor's cache are slower than to copy them from the system's.
_PAGE_CACHE_KIB = 2000


@final
class Later:
    """There is no answer at once: ask the reader's thread."""


LATER: Final = Later()


class Glance:
    """One more read connection, used in the event loop's thread only."""

    def __init__(self, place: Place, tick: Callable[[], float]) -> None:
        self._place = place
        self._tick = tick
        self._latch = Latch()
        # One for all: making another takes a thirtieth of a lookup.
        self._cursor: sqlite3.Cursor
        self._generation = -1
        self._not_before = 0.0
        self._slow_at = float("-inf")
        self._soon = 0.0
        # When the read transaction that lookups share has to end; 0 while there is none.
        self._kept_until = 0.0

    def find(self, key: str, started: float) -> Row | Later | None:
        """The row of an entry (`rows.FIND`), None if there is none, or LATER.

        `started` is what the clock showed just now.
        """
        latch = self._latch
        with latch.lock:
            if latch.conn is None or started < self._not_before:
                return LATER
            if self._generation != self._place.generation:
                latch.close()
                return LATER
            execute, wanted = self._cursor.execute, (bytes.fromhex(key),)
            try:
                if self._kept_until:
                    if started >= self._kept_until:
                        self._end()
                elif started < self._soon:
                    self._begin(started)
                # All rows, not the first: a statement left in the middle would hold the WAL.
                found = execute(rows.FIND, wanted).fetchall()
                if not found and self._kept_until:
                    # Another process may have stored it since.
                    self._end()
                    found = execute(rows.FIND, wanted).fetchall()
            except sqlite3.Error:
                latch.close()
                return LATER
        ended = self._tick()
        self._soon = ended + _SOON_S
        if ended - started > _SLOW_S:
            apart = _APART * (ended - started)
            if started - self._slow_at < apart:
                self._not_before = ended + apart
            self._slow_at = ended
        return found[0] if found else None

    def open(self) -> None:
        """Be ready for the next lookup, when the reader's thread has just answered one."""
        if self._latch.conn is not None or self._tick() < self._not_before:
            return
        generation = self._place.generation
        try:
            with self._latch.lock:
                conn = self._place.connect_reader(busy_ms=0)
                conn.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
                self._latch.conn, self._cursor = conn, conn.cursor()
                self._soon = self._kept_until = 0.0
        except StoreFault:
            # The reader's thread goes on alone, and is told more of it.
            self._not_before = self._tick() + _UNOPENED_S
            return
        self._generation = generation

    def close(self) -> None:
        """Let go of the file. `open` begins anew."""
        with self._latch.lock:
            self._latch.close()

    def _begin(self, started: float) -> None:
        self._cursor.execute("BEGIN")
        self._kept_until = started + _KEPT_S
        # Before whatever waits for a store or a purge goes on.
        asyncio.get_running_loop().call_soon(self._let_go)

    def _end(self) -> None:
        self._kept_until = 0.0
        self._cursor.execute("COMMIT")

    def _let_go(self) -> None:
        with self._latch.lock:
            if self._kept_until and self._latch.conn is not None:
                try:
                    self._end()
                except sqlite3.Error:
                    self._latch.close()
