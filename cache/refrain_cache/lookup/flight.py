"""One engine run for identical questions: by future in a process, by lease between processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from attrs import define

from refrain_cache.clock import Clock
from refrain_cache.errors import OwnerFailedError
from refrain_cache.sqlite.faults import StoreFault
from refrain_cache.sqlite.lease import Held, Owned, Ready, is_dead
from refrain_cache.sqlite.reader import Row
from refrain_cache.sqlite.store import Store
from refrain_cache.timing import Timing

log = logging.getLogger("refrain.cache")
T = TypeVar("T")


@define(eq=False)
class Flight(Generic[T]):
    """A run under way, and how many wait for it."""

    task: asyncio.Task[T]
    waiting: int = 0


class Flights(Generic[T]):
    """The runs under way in this process, by key. A run nobody waits for any more is cancelled."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    def get(self, key: str) -> Flight[T] | None:
        return self._flights.get(key)

    def start(self, key: str, run: Callable[[], Coroutine[Any, Any, T]]) -> Flight[T]:
        """Begin a run. It is under way until `run` ends, and not a step longer."""

        async def fly() -> T:
            try:
                return await run()
            finally:
                if self._flights.get(key) is flight:
                    del self._flights[key]

        flight = Flight(asyncio.get_running_loop().create_task(fly()))
        self._flights[key] = flight
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._landed)
        return flight

    def _landed(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        # Looked at here so that a failure after everybody left is not reported as forgotten.
        if not task.cancelled() and task.exception() is not None:
            log.debug("A run ended with %r.", task.exception())

    async def join(self, key: str, flight: Flight[T]) -> T:
        """Wait for a run. Raises what it raises; being cancelled here leaves it to the others."""
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # Whoever asks next must not join a run that is being cancelled.
                if self._flights.get(key) is flight:
                    del self._flights[key]
                flight.task.cancel()

    async def close(self) -> None:
        """Cancel every run and wait until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def guard(
    store: Store, clock: Clock, timing: Timing, key: str, *, fresh: bool
) -> Owned | Row | None:
    """Wait until it is for us to compute, or until another process has.

    Returns Owned (compute, then store or give back), the entry's row (it has been computed), or
    None (compute without a lease: the store cannot be used, or a fresh answer is asked for while
    another process computes one). Raises OwnerFailedError if the other process's engine failed.
    """
    try:
        while True:
            got = await store.acquire(key, fresh=fresh)
            if isinstance(got, Owned):
                return got
            if isinstance(got, Ready):
                return got.row
            if fresh:
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
            if seen.token == held.token:
                raise OwnerFailedError(
                    f"Another process was computing this answer and failed: {seen.error}"
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
