"""One engine run for identical questions: by future in a process, by lease between processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from refrain_cache.errors import CacheClosedError, OwnerFailedError, RecursiveComputeError
from refrain_cache.sqlite.faults import StoreFault
from refrain_cache.sqlite.lease import NOT_KEPT, Held, Owned, Ready, is_dead
from refrain_cache.sqlite.reader import Row
from refrain_cache.sqlite.store import Store
from refrain_cache.timing import Clock, Timing

log = logging.getLogger("refrain.cache")
T = TypeVar("T")
_CLOSED = "The cache was closed while this was computed."


@frozen
class Raised:
    """What a run raised, whatever it was; raised anew for each that waits."""

    error: BaseException
    traceback: TracebackType | None


@define(eq=False)
class Flight(Generic[T]):
    """A run under way, how many wait for it, and the flights that it waits for itself."""

    task: asyncio.Task[T | Raised] = field(init=False)
    waiting: int = 0
    # `left` once nobody waits any more; `closed` once the cache is being closed.
    ended_by: str | None = None
    asks: list[Flight[Any]] = field(factory=list)


# The flight whose compute is running, in whatever task or thread it asks the cache again.
_computing: ContextVar[Flight[Any] | None] = ContextVar("refrain_computing", default=None)


def nested() -> bool:
    """Whether the caller is part of a compute."""
    return _computing.get() is not None


class Flights(Generic[T]):
    """The runs under way in this process, by key. A run nobody waits for any more is cancelled."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[T]] = {}
        self._all: set[Flight[T]] = set()

    def get(self, key: str) -> Flight[T] | None:
        return self._flights.get(key)

    def start(self, key: str, run: Callable[[], Coroutine[Any, Any, T]]) -> Flight[T]:
        """Begin a run. It is under way until `run` ends, and not a step longer."""
        flight: Flight[T] = Flight()

        async def fly() -> T | Raised:
            _computing.set(flight)
            try:
                return await run()
            except BaseException as error:
                # A task could not hand all of these on: some end the loop, and being cancelled is
                # nobody's answer.
                if flight.ended_by == "closed":
                    return Raised(CacheClosedError(_CLOSED), None)
                if flight.ended_by == "left":
                    log.debug("A run ended with %r after everybody had left.", error)
                return Raised(error, error.__traceback__)
            finally:
                if self._flights.get(key) is flight:
                    del self._flights[key]

        flight.task = asyncio.get_running_loop().create_task(fly())
        self._flights[key] = flight
        self._all.add(flight)
        flight.task.add_done_callback(lambda _: self._all.discard(flight))
        return flight

    async def join(self, key: str, flight: Flight[T]) -> T:
        """Wait for a run. Raises what it raises; being cancelled here leaves it to the others.

        Raises RecursiveComputeError where waiting would never end: the run, or one it waits for, is
        the caller's own.
        """
        mine = _computing.get()
        if mine is not None:
            if _reaches(flight, mine):
                raise RecursiveComputeError(
                    f"The compute of answer {key[:12]} asks, itself or through another, for the "
                    "answer it is part of: it would wait for itself. Ask for another key."
                )
            mine.asks.append(flight)
        flight.waiting += 1
        try:
            landed = await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            # A run that was closed before its first step could not say so itself.
            if flight.task.cancelled() and flight.ended_by == "closed":
                raise CacheClosedError(_CLOSED) from None
            raise
        finally:
            if mine is not None:
                mine.asks.remove(flight)
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # Whoever asks next must not join a run that is being cancelled.
                if self._flights.get(key) is flight:
                    del self._flights[key]
                flight.ended_by = flight.ended_by or "left"
                flight.task.cancel()
        if isinstance(landed, Raised):
            raise landed.error.with_traceback(landed.traceback)
        return landed

    async def close(self) -> None:
        """Cancel every run and wait until they have ended."""
        flights = list(self._all)
        for flight in flights:
            flight.ended_by = "closed"
            flight.task.cancel()
        await asyncio.gather(*(flight.task for flight in flights), return_exceptions=True)


def _reaches(flight: Flight[Any], wanted: Flight[Any]) -> bool:
    seen: set[int] = set()
    waiting = [flight]
    while waiting:
        one = waiting.pop()
        if one is wanted:
            return True
        if id(one) not in seen:
            seen.add(id(one))
            waiting += one.asks
    return False


async def guard(
    store: Store, clock: Clock, timing: Timing, key: str, *, fresh: bool, nested: bool
) -> Owned | Row | None:
    """Wait until it is for us to compute, or until another process has.

    Returns Owned (compute, then store or give back), the entry's row (it has been computed), or
    None: compute without a lease. That is where the store cannot be used; where a fresh answer is
    asked for while another process computes one; where the answer cannot be kept; and where a
    `nested` compute would wait for a process that may be waiting for its outer one. Raises
    OwnerFailedError if the other process's engine failed.
    """
    try:
        while True:
            got = await store.acquire(key, fresh=fresh)
            if isinstance(got, Owned):
                return got
            if isinstance(got, Ready):
                return got.row
            if fresh or nested or got.error == NOT_KEPT:
                return None
            landed = await _watch(store, clock, timing, key, got)
            if landed is not None:
                return landed
    except StoreFault:
        # The cache has been told by the store; the work goes on without a lease.
        return None


async def _watch(
    store: Store, clock: Clock, timing: Timing, key: str, held: Held
) -> Owned | Row | None:
    """Follow another process's run. None: it ended without an answer, so ask for the lease."""
    moved_at, pause = clock.tick(), timing.watch_first
    while True:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, timing.watch_last)
        seen = await store.lease(key)
        if seen is None:
            # Stored in the commit that gave the lease back.
            row = await store.find(key)
            return row if row is not None and (row[3] is None or row[3] > clock.now()) else None
        if seen.error is not None:
            if seen.token == held.token and seen.error != NOT_KEPT:
                raise OwnerFailedError(
                    f"Another process was computing this answer and failed with {seen.error}."
                )
            return None
        if (seen.token, seen.beat) != (held.token, held.beat):
            held, moved_at = seen, clock.tick()
            continue
        still_s = clock.tick() - moved_at
        # Asking the system about a process costs more than a read: only once a beat was missed.
        if still_s > timing.stale_after or (still_s > timing.beat * 1.5 and is_dead(seen.owner)):
            taken = await store.take_over(key, seen)
            if taken is not None:
                return taken
