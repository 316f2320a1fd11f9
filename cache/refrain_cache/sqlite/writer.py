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

from refrain_cache.forking import Latch
from refrain_cache.sqlite.eviction import EvictionPolicy
from refrain_cache.sqlite.faults import Fault, FaultKind, StoreFault, fault, fault_of
from refrain_cache.sqlite.place import Place
from refrain_cache.threads import settle_soon
from refrain_cache.timing import Clock, Timing

log = logging.getLogger("refrain.cache")
T = TypeVar("T")

# A transaction of more than this keeps other processes from writing for longer than they like.
_TOGETHER = 512
# A thread with nothing to do ends after so long, and begins anew with the next job: many caches
# that are seldom used hold no threads.
_IDLE_S = 5.0


@define
class Transaction:
    """What a job may use: the connection inside its transaction, the time, the policy in force.

    `evicted` holds, once all is committed, the keys that made room. The rest is `rows`' own:
    whether anything was stored, the recipes seen, and what arrived.
    """

    conn: sqlite3.Connection
    now: float
    policy: EvictionPolicy
    inflation: float
    grew: bool = False
    recipes: dict[str, bytes] = field(factory=dict)
    arrived: dict[tuple[str, str], tuple[int, int]] = field(factory=dict)
    evicted: set[bytes] = field(factory=set)


@define
class _Job:
    work: Callable[[Transaction], Any]
    deadline: float
    future: asyncio.Future[Any] | None
    result: Any = None


_WAKE = _Job(lambda _: None, 0.0, None)
# What single entries may be the cause of: the others of their group are tried without them.
_OF_ONE_JOB = frozenset({FaultKind.UNUSABLE, FaultKind.FULL})
# What SQLite says of a job that is wrong, not of the file.
_JOB_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


class Writer:
    """Writes for one event loop, grouped. A daemon thread: a program that forgets to close ends.

    `finish` runs at the end of every transaction (it makes room). `beat` runs about every
    `timing.beat` seconds between `start_beating` and `stop_beating`. `reopened` is called in the
    loop when the file was found gone or damaged and a fresh one was begun; `faulted` when a
    transaction failed. Whatever a job raises, the thread goes on.
    """

    def __init__(
        self,
        place: Place,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        policy: EvictionPolicy,
        timing: Timing,
        *,
        finish: Callable[[Transaction], None],
        beat: Callable[[Transaction], None],
        reopened: Callable[[], None],
        faulted: Callable[[Fault], None],
    ) -> None:
        self._place = place
        self._loop = loop
        self._clock = clock
        self._policy = policy
        self._timing = timing
        self._finish = finish
        self._beat = beat
        self._reopened = reopened
        self._faulted = faulted
        self._latch = Latch()
        self._identity: tuple[int, int] | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._running = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._beating = False
        self._ended: asyncio.Future[None] = loop.create_future()

    def run(self, work: Callable[[Transaction], T], patience: float) -> asyncio.Future[T]:
        """Run `work` in the next transaction; resolves once that is committed.

        The future raises StoreFault if it could not be within `patience` seconds.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._put(_Job(work, time.monotonic() + patience, future))
        return future

    def start_beating(self) -> None:
        """Run `beat` from now on."""
        self._beating = True
        # The thread may be waiting without an end in sight.
        self._put(_WAKE)

    def stop_beating(self) -> None:
        """Run `beat` no more."""
        self._beating = False

    def stop(self) -> asyncio.Future[None]:
        """End the thread after what is queued; resolves when it has."""
        self._put(None)
        return self._ended

    def _put(self, job: _Job | None) -> None:
        with self._running:
            self._jobs.put(job)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="refrain-cache-write", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        next_beat = time.monotonic() + self._timing.beat
        while True:
            jobs = self._take(max(0.0, next_beat - time.monotonic()) if self._beating else _IDLE_S)
            if jobs:
                self._commit(jobs)
            elif self._stopping or not self._beating:
                with self._running:
                    if self._jobs.empty():
                        self._thread = None
                        break
            if self._beating and time.monotonic() >= next_beat:
                self._commit([_Job(self._beat, time.monotonic() + self._timing.beat, None)])
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._timing.beat
        if self._stopping:
            with self._latch.lock:
                self._latch.close()
            settle_soon(self._loop, [(self._ended, None, None)])

    def _take(self, timeout: float) -> list[_Job]:
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
                with self._latch.lock:
                    self._transact(waiting)
            except _JobFailed as failed:
                settle_soon(self._loop, [(failed.job.future, None, failed.error)])
                waiting = [job for job in waiting if job is not failed.job]
                continue
            except Exception as error:
                found = fault_of(error, self._place.path)
                if found.kind is FaultKind.LOCKED:
                    waiting = self._drop_late(waiting, found)
                    if waiting:
                        waiting += self._take(0.001)
                    continue
                if found.kind is FaultKind.CORRUPT and not renewed:
                    renewed = True
                    if self._renew(found):
                        continue
                if len(waiting) > 1 and found.kind in _OF_ONE_JOB:
                    for job in waiting:
                        self._commit([job])
                    return
                with self._latch.lock:
                    self._latch.close()
                self._fail(waiting, found)
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
                except _JOB_ERRORS as error:
                    wrong = fault(FaultKind.UNUSABLE, self._place.path, error)
                    raise _JobFailed(job, StoreFault(wrong)) from error
                except (sqlite3.Error, StoreFault):
                    raise
                except BaseException as error:
                    raise _JobFailed(job, error) from error
            self._finish(transaction)
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise

    def _open(self) -> sqlite3.Connection:
        now_there = self._place.identity()
        latch = self._latch
        if latch.conn is not None and now_there == self._identity:
            return latch.conn
        was_open = latch.conn is not None
        latch.close()
        self._identity = now_there
        latch.conn = self._place.connect_writer(int(self._timing.busy * 1000))
        self._identity = self._place.identity()
        self._place.generation += 1
        if was_open:
            log.warning(
                "The cache file %s had been removed; a fresh one was begun.", self._place.path
            )
            self._tell(self._reopened)
        return latch.conn

    def _renew(self, fault: Fault) -> bool:
        damaged = self._identity
        try:
            with self._latch.lock:
                self._latch.close()
                self._place.set_aside(damaged)
                self._open()
        except Exception as error:
            cause = fault_of(error, self._place.path).reason
            log.warning("%s It could not be replaced: %s", fault.reason, cause)
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


class _JobFailed(Exception):
    def __init__(self, job: _Job, error: BaseException) -> None:
        super().__init__(str(error))
        self.job = job
        self.error = error


def _inflation(conn: sqlite3.Connection) -> float:
    return float(conn.execute("SELECT value FROM fact WHERE name = 'inflation'").fetchone()[0])
