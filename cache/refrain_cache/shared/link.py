"""One server, asked within a time limit; left out while it fails, told once, and tried again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from refrain_cache.entry import SharedState
from refrain_cache.settings import SharedSettings
from refrain_cache.shared.breaker import Breaker
from refrain_cache.shared.connection import connect, read_secret, shown
from refrain_cache.shared.faults import (
    Fault,
    FaultKind,
    ForeignKey,
    Unavailable,
    fault_of,
    is_foreign,
)
from refrain_cache.shared.names import Names
from refrain_cache.threads import in_thread
from refrain_cache.timing import Clock, Timing

log = logging.getLogger("refrain.cache")
T = TypeVar("T")

# A trial may take longer to connect than a lookup may wait: names are looked up, TLS is agreed on.
_CONNECT_S = 2.0
# Nobody waits for a goodbye.
_GOODBYE_S = 0.5
_TRIAL_MS = 1000
# Of the time limit; the rest is for giving up and going on.
_WAITED = 0.97
_WRITERS = 8
# All that storing an answer does on the server, so that each right for it is tried.
_TRY_WRITING = """
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return redis.call('PUBLISH', ARGV[2], '')
"""


class Link:
    """The one way to the server, for one event loop.

    `changed` is called when the server is left out, or taken in again. While it is, trials are made
    behind the lookups. A server that only takes no writes is still read.
    """

    def __init__(
        self, settings: SharedSettings, clock: Clock, timing: Timing, changed: Callable[[], None]
    ) -> None:
        self.url = shown(settings.url)
        self.fault: Fault | None = None
        self._settings = settings
        self._tick = clock.tick
        self._changed = changed
        self.limit_s = settings.timeout_ms / 1e3 * _WAITED
        self._names = Names(settings.namespace)
        self._reading = Breaker(timing.probe_first, timing.probe_last)
        self._writing = Breaker(timing.probe_first, timing.probe_last)
        # Of redis-py's several classes of clients.
        self._client: Any = None
        self.secret: bytes | None = None
        # A connection each: a thousand misses at once must not open a thousand.
        self._writers = asyncio.Semaphore(_WRITERS)
        self._trying: asyncio.Task[None] | None = None
        self._imported = asyncio.Event()
        # One at a time: a trial takes away the client that another is using.
        self._trial = asyncio.Lock()

    @property
    def state(self) -> SharedState:
        """Where the server is, and why it is left out, if it is."""
        return SharedState(self.url, None if self.fault is None else self.fault.reason)

    @property
    def is_left_out(self) -> bool:
        """Whether nothing is asked of it now, not even what is there."""
        return self._reading.is_open

    def open(self) -> None:
        """Connect behind the lookups, so that the first need not wait for it."""
        self._trying = asyncio.get_running_loop().create_task(self._begin())

    async def close(self) -> None:
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)
            self._trying = None
        await self._hang_up()

    async def ask(
        self,
        work: Callable[[Any], Awaitable[T]],
        *,
        writing: bool = False,
        limit_s: float | None = None,
    ) -> T:
        """What `work` makes of the client, within the time limit (by default the settings').

        Raises Unavailable, at once while the server is left out, and ForeignKey.
        """
        if not self._imported.is_set():
            await self._imported.wait()
        if not writing:
            return await self._asked(work, False, limit_s)
        async with self._writers:
            return await self._asked(work, True, limit_s)

    async def look(self) -> float:
        """Try the server now; the milliseconds a reply took. Raises Unavailable."""
        await self._try_once()
        if self.fault is not None:
            raise Unavailable(self.fault)
        began = self._tick()
        await self.ask(self._read)
        return (self._tick() - began) * 1e3

    async def _asked(
        self, work: Callable[[Any], Awaitable[T]], writing: bool, limit_s: float | None
    ) -> T:
        is_out = self._reading.is_open or (writing and self._writing.is_open)
        if is_out and self.fault is not None:
            raise Unavailable(self.fault)
        try:
            return await _within(limit_s or self.limit_s, work(self._connected()))
        except Exception as error:
            if is_foreign(error):
                raise ForeignKey(str(error)) from error
            raise Unavailable(self.failed(error, writing=writing)) from error

    def failed(self, error: Exception, *, writing: bool = False, trial: bool = False) -> Fault:
        """Leave the server out for what was asked of it in vain; what is wrong with it."""
        fault = fault_of(error, self.url, self._settings.timeout_ms)
        only_writing = fault.kind in _ONLY_WRITING or (writing and fault.kind is FaultKind.NO_RIGHT)
        breaker = self._writing if only_writing else self._reading
        breaker.failed(self._tick(), trial=trial)
        if self.fault is None or self.fault.kind is not fault.kind:
            log.warning("The shared tier is left out: %s", fault.reason)
            self.fault = fault
            self._changed()
        if self._trying is None:
            self._trying = asyncio.get_running_loop().create_task(self._try_again())
        return fault

    def _connected(self) -> Any:
        if self._client is None:
            settings = self._settings
            if settings.secret_file is not None:
                self.secret = read_secret(settings.secret_file, "secret_file").encode()
            self._client = connect(settings)
        return self._client

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            # Not `wait_for`: until Python 3.12 it may swallow being cancelled, and a closed cache
            # would wait for trials without end.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_GOODBYE_S):
                    await client.aclose()

    async def _begin(self) -> None:
        try:
            # A few tenths of a second, which the loop must not be held up for.
            await in_thread(_import_redis)
        finally:
            self._imported.set()
        await self._try_once()
        await self._try_again()

    async def _try_again(self) -> None:
        while (at := self._reading.retry_at or self._writing.retry_at) is not None:
            await asyncio.sleep(at - self._tick())
            await self._try_once()
        self._trying = None

    async def _try_once(self) -> None:
        """See what the server does now; both breakers and `fault` then say so."""
        async with self._trial:
            await self._see()

    async def _see(self) -> None:
        writing = False
        try:
            if self._reading.is_open:
                # Secrets are read anew, names are looked up anew.
                await self._hang_up()
            client = self._connected()
            # Two connections: one for the reads, which keep it, and one for writing.
            await _within(_CONNECT_S, self._read_twice(client))
            await _within(self.limit_s, self._read(client))
            self._reading.worked(self._tick())
            writing = True
            told = (self._names.trial, _TRIAL_MS, self._names.ended)
            await _within(self.limit_s, client.eval(_TRY_WRITING, 1, *told))
            self._writing.worked(self._tick())
        except Exception as error:
            self.failed(error, writing=writing, trial=True)
            return
        if self.fault is not None:
            self.fault = None
            log.info("The shared tier is in use again: %s", self.url)
            self._changed()

    async def _read_twice(self, client: Any) -> None:
        twice = (self._read(client) for _ in range(2))
        for answer in await asyncio.gather(*twice, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer

    async def _read(self, client: Any) -> object:
        answer: object = await client.getrange(self._names.trial, 0, 0)
        return answer


def _import_redis() -> None:
    # Connecting says what is wrong without it.
    with contextlib.suppress(ImportError):
        import redis.asyncio  # noqa: F401


_ONLY_WRITING = frozenset({FaultKind.FULL, FaultKind.READ_ONLY})


async def _within(limit_s: float, answer: Awaitable[T]) -> T:
    async with asyncio.timeout(None) as patience:
        # Not `timeout(limit_s)`: that ends what arrived in time while the loop was held up. The
        # deadline passes one step later, when what is there has been read.
        loop = asyncio.get_running_loop()
        timer = loop.call_later(limit_s, patience.reschedule, 0.0)
        try:
            return await answer
        finally:
            timer.cancel()
