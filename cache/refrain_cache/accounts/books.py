"""What is written down behind the replies: counts, touches and the last miss, flushed in turn."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

import attrs

from refrain_cache.accounts.counters import Counters
from refrain_cache.clock import Clock
from refrain_cache.entry import Difference, Explanation
from refrain_cache.lookup.memory import MemoryTier, Remembered
from refrain_cache.sqlite.faults import StoreFault
from refrain_cache.sqlite.rows import Touch
from refrain_cache.sqlite.store import Store
from refrain_cache.timing import Timing

log = logging.getLogger("refrain.cache")


class Books:
    """Buffers of one cache. After activity they are flushed within `timing.flush`; idle, never."""

    def __init__(self, clock: Clock, timing: Timing, memory: MemoryTier) -> None:
        self.counters = Counters(clock.now)
        self.last_miss: Explanation | None = None
        self._timing = timing
        self._memory = memory
        # What was used since the last flush.
        self.touched: dict[str, Remembered] = {}
        self._unsaved_miss: str | None = None
        self._epoch: int | None = None
        self._store: Store | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []
        self.usable: Callable[[], bool] = lambda: False

    def attach(self, store: Store, usable: Callable[[], bool]) -> None:
        """Flush into `store` from now on, whenever it is `usable`."""
        self._store = store
        self.usable = usable

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after whatever `changed` tells; returns what ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def changed(self) -> None:
        """Something was counted, or the state changed."""
        if self._timer is None and self._store is not None:
            self._timer = asyncio.get_running_loop().call_later(self._timing.flush, self._due)
        if self._listeners:
            self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                log.exception("A listener of the cache failed; the others were still told.")

    def missed(self, why: Explanation) -> None:
        """Keep the explanation of the last miss, for whoever asks, in this process or another."""
        self.last_miss = why
        self._unsaved_miss = json.dumps(attrs.asdict(why))

    async def flush(self) -> None:
        """Write what is buffered, and drop from memory what other processes have purged."""
        store = self._store
        if store is None or not self.usable():
            return
        touches = self._take_touches()
        minutes = self.counters.take_unsaved()
        miss, self._unsaved_miss = self._unsaved_miss, None
        try:
            if touches or minutes or miss is not None:
                await store.flush(touches, minutes, miss)
        except StoreFault as error:
            self.counters.give_back(minutes)
            log.debug("Statistics are kept for later: %s", error.fault.reason)
            return
        try:
            await self.check_epoch()
        except StoreFault as error:
            log.debug("What others have purged is looked up later: %s", error.fault.reason)

    def _take_touches(self) -> dict[str, Touch]:
        used, self.touched = self.touched, {}
        touches = {}
        for key, entry in used.items():
            touches[key] = Touch(entry.uses, entry.last_used_at, entry.saved_ms)
            entry.uses, entry.saved_ms = 0, 0.0
        return touches

    async def check_epoch(self) -> None:
        """Drop memory if another process has purged or replaced entries since the last look."""
        assert self._store is not None
        epoch = await self._store.epoch()
        if self._epoch is not None and epoch != self._epoch:
            self._memory.clear()
        self._epoch = epoch

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flushing is not None:
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self.flush()
        self._store = None

    def _due(self) -> None:
        self._timer = None
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self.flush())


def explanation_from(text: str) -> Explanation:
    """An explanation as `Books.missed` wrote it."""
    data = json.loads(text)
    data["differences"] = tuple(Difference(**d) for d in data["differences"])
    return Explanation(**data)
