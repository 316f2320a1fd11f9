"""One thread and one write connection: what is queued together is committed together."""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import define, field

from refrain_cache.clock import Clock
from refrain_cache.sqlite.eviction import EvictionPolicy
from refrain_cache.sqlite.faults import Fault, FaultKind, StoreFault, fault_of
from refrain_cache.sqlite.place import Place
from refrain_cache.sqlite.settling import settle_soon

log = logging.getLogger("refrain.cache")
T = TypeVar("T")

# A transaction of more than this keeps other processes from writing for longer than they like.
_TOGETHER = 512


@define
class Transaction:
    """What a job may use: the connection inside its transaction, the time, the policy in force.

    The rest is `rows`' own: whether anything was stored, the recipes seen, and what arrived.
    """

    conn: sqlite3.Connection
    now: float
    policy: EvictionPolicy
    inflation: float
    grew: bool = False
    recipes: dict[str, bytes] = field(factory=dict)
    arrived: dict[tuple[str, str], tuple[int, int]] = field(factory=dict)


@define
class _Job:
    work: Callable[[Transaction], Any]
    deadline: float
    future: asyncio.Future[Any] | None
    result: Any = None
    error: Exception | None = field(default=None)


_WAKE = _Job(lambda _: None, 0.0, None)


class Writer:
    """Writes for one event loop, grouped. A daemon thread: a program that forgets to close ends.

    `finish` runs at the end of every transaction (it makes room). `beat` runs about every
    `beat_every` seconds between `start_beating` and `stop_beating`. `reopened` is called in the
    loop when the file was found gone or damaged and a fresh one was begun; `faulted` when a
    transaction failed.
    """

    def __init__(
        self,
        place: Place,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        policy: EvictionPolicy,
        *,
        busy_ms: int,
        beat_every: float,
        finish: Callable[[Transaction], None],
        beat: Callable[[Transaction], None],
        reopened: Callable[[], None],
        faulted: Callable[[Fault], None],
    ) -> None:
        self._place = place
        self._loop = loop
        self._clock = clock
        self._policy = policy
        self._busy_ms = busy_ms
        self._beat_every = beat_every
        self._finish = finish
        self._beat = beat
        self._reopened = reopened
        self._faulted = faulted
        self._conn: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopping = False
        self._beating = False
        self._ended: asyncio.Future[None] = loop.create_future()
        threading.Thread(target=self._run, name="refrain-cache-write", daemon=True).start()

    def run(self, work: Callable[[Transaction], T], patience: float) -> asyncio.Future[T]:
        """Run `work` in the next transaction; resolves once that is committed.

        The future raises StoreFault if it could not be within `patience` seconds.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, time.monotonic() + patience, future))
        return future

    def start_beating(self) -> None:
        """Run `beat` from now on."""
        self._beating = True
        # The thread may be waiting without an end in sight.
        self._jobs.put(_WAKE)

    def stop_beating(self) -> None:
        """Run `beat` no more."""
        self._beating = False

    def stop(self) -> asyncio.Future[None]:
        """End the thread after what is queued; resolves when it has."""
        self._jobs.put(None)
        return self._ended

    def _run(self) -> None:
        next_beat = time.monotonic() + self._beat_every
        while True:
            jobs = self._take(max(0.0, next_beat - time.monotonic()) if self._beating else None)
            if jobs:
                self._commit(jobs)
            if self._stopping and not jobs:
                break
            if self._beating and time.monotonic() >= next_beat:
                self._commit([_Job(self._beat, time.monotonic() + self._beat_every, None)])
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._beat_every
        self._close()
        settle_soon(self._loop, [(self._ended, None, None)])

    def _take(self, timeout: float | None) -> list[_Job]:
        jobs: list[_Job] = []
        try:
            job = self._jobs.get_nowait() if self._stopping else self._jobs.get(timeout=timeout)
            while True:
                if job is None:
                    self._stopping = True
                elif job is _WAKE:
                    break
                else:
                    jobs.append(job)
                if len(jobs) >= _TOGETHER:
                    break
                job = self._jobs.get_nowait()
        except queue.Empty:
            pass
        return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        waiting, renewed = jobs, False
        while waiting:
            try:
                self._transact(waiting)
            except _JobFailed as failed:
                settle_soon(self._loop, [(failed.job.future, None, failed.error)])
                waiting = [job for job in waiting if job is not failed.job]
                continue
            except (sqlite3.Error, OSError, StoreFault) as error:
                fault = fault_of(error, self._place.path)
                if fault.kind is FaultKind.LOCKED:
                    waiting = self._drop_late(waiting, fault)
                    if waiting:
                        waiting += self._take(0.001)
                    continue
                if fault.kind is FaultKind.CORRUPT and not renewed:
                    renewed = True
                    if self._renew(fault):
                        continue
                self._close()
                self._fail(waiting, fault)
                return
            settle_soon(self._loop, [(job.future, job.result, None) for job in waiting])
            return

    def _transact(self, jobs: list[_Job]) -> None:
        conn = self._open()
        conn.execute("BEGIN IMMEDIATE")
        try:
            self._place.check_version(conn)
            transaction = Transaction(conn, self._clock.now(), self._policy, _inflation(conn))
            for job in jobs:
                try:
                    job.result = job.work(transaction)
                except (sqlite3.Error, StoreFault):
                    raise
                except Exception as error:
                    raise _JobFailed(job, error) from error
            self._finish(transaction)
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise

    def _open(self) -> sqlite3.Connection:
        now_there = self._place.identity()
        if self._conn is not None and now_there == self._identity:
            return self._conn
        was_open = self._conn is not None
        self._close()
        self._identity = now_there
        self._conn = self._place.connect_writer(self._busy_ms)
        self._identity = self._place.identity()
        self._place.generation += 1
        if was_open:
            log.warning(
                "The cache file %s had been removed; a fresh one was begun.", self._place.path
            )
            self._tell(self._reopened)
        return self._conn

    def _renew(self, fault: Fault) -> bool:
        damaged = self._identity
        self._close()
        try:
            self._place.set_aside(damaged)
            self._open()
        except StoreFault as error:
            log.warning("%s It could not be replaced: %s", fault.reason, error.fault.reason)
            return False
        except (OSError, sqlite3.Error) as error:
            log.warning("%s It could not be replaced: %s", fault.reason, error)
            return False
        self._tell(self._reopened)
        return True

    def _drop_late(self, jobs: list[_Job], fault: Fault) -> list[_Job]:
        now = time.monotonic()
        late = [job for job in jobs if job.deadline <= now]
        if late:
            self._fail(late, fault)
        return [job for job in jobs if job.deadline > now]

    def _fail(self, jobs: list[_Job], fault: Fault) -> None:
        # In this order: whoever is woken by the failure finds the state changed already.
        self._tell(lambda: self._faulted(fault))
        settle_soon(self._loop, [(job.future, None, StoreFault(fault)) for job in jobs])

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            log.debug("Not told: the event loop is closed.")

    def _close(self) -> None:
        if self._conn is not None:
            try:
                self._conn.close()
            except sqlite3.Error as error:
                log.debug("Closing %s: %s", self._place.path, error)
            self._conn = None


class _JobFailed(Exception):
    def __init__(self, job: _Job, error: Exception) -> None:
        super().__init__(str(error))
        self.job = job
        self.error = error


def _inflation(conn: sqlite3.Connection) -> float:
    return float(conn.execute("SELECT value FROM fact WHERE name = 'inflation'").fetchone()[0])
