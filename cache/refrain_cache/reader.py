"""One thread and one read connection: every read is one hop."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from refrain_cache.faults import StoreFault, fault_of
from refrain_cache.place import Place

T = TypeVar("T")
Row = tuple[Any, ...]
_Job = tuple["asyncio.Future[Any]", Callable[[sqlite3.Connection], Any]]

# Reads that came in together are answered together, waking the loop once; but the first of them
# should not wait for more than a handful of others.
_TOGETHER = 16


class Reader:
    """Reads for one event loop. A daemon thread: a program that forgets to close still ends."""

    def __init__(self, place: Place, loop: asyncio.AbstractEventLoop, busy_ms: int) -> None:
        self._place = place
        self._loop = loop
        self._busy_ms = busy_ms
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="refrain-cache-read", daemon=True)
        self._thread.start()

    def fetch(self, sql: str, values: Sequence[Any] = ()) -> asyncio.Future[list[Row]]:
        """The rows of one statement. The future raises StoreFault."""
        return self.run(lambda conn: conn.execute(sql, values).fetchall())

    def run(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Whatever `work` reads, in one snapshot-less hop. The future raises StoreFault."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((future, work))
        return future

    def stop(self) -> threading.Thread:
        """Ask the thread to end after what is queued; join what is returned."""
        self._jobs.put(None)
        return self._thread

    def _run(self) -> None:
        conn: sqlite3.Connection | None = None
        generation = -1
        stopping = False
        while not stopping:
            jobs = self._take()
            done: list[tuple[asyncio.Future[Any], Any, Exception | None]] = []
            for job in jobs:
                if job is None:
                    stopping = True
                    continue
                future, work = job
                try:
                    if conn is None or generation != self._place.generation:
                        if conn is not None:
                            conn.close()
                            conn = None
                        generation = self._place.generation
                        conn = self._place.connect_reader(self._busy_ms)
                    done.append((future, work(conn), None))
                except (sqlite3.Error, StoreFault) as error:
                    if conn is not None:
                        conn.close()
                        conn = None
                    done.append((future, None, StoreFault(fault_of(error, self._place.path))))
                except Exception as error:
                    done.append((future, None, error))
            settle_soon(self._loop, done)
        if conn is not None:
            conn.close()

    def _take(self) -> list[_Job | None]:
        jobs = [self._jobs.get()]
        while len(jobs) < _TOGETHER:
            try:
                jobs.append(self._jobs.get_nowait())
            except queue.Empty:
                break
        return jobs


Settled = Sequence[tuple["asyncio.Future[Any] | None", Any, "Exception | None"]]


def settle_soon(loop: asyncio.AbstractEventLoop, done: Settled) -> None:
    """Hand results to their futures on the loop that waits for them."""
    if not done:
        return
    try:
        loop.call_soon_threadsafe(_settle, done)
    except RuntimeError:
        # The loop is closed: nobody waits any more, and what was written is written.
        return


def _settle(done: Settled) -> None:
    for future, result, error in done:
        if future is None or future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
