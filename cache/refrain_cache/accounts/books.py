"""What is written down behind the replies: counts, touches and the last miss, flushed in turn."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import attrs

from refrain_cache.accounts.counters import FROM_DISK, Counters, MinuteTallies
from refrain_cache.entry import Difference, Explanation
from refrain_cache.timing import Clock, Timing

log = logging.getLogger("refrain.cache")

# Touches that wait for a file that cannot be written: some megabytes. What is more is forgotten.
_TOUCHES_KEPT = 10_000
# Noted hits are counted by so many at a time: what a loop may be held up for unnoticed.
NOTED_AT_MOST = 1000

Noted = tuple[str, str, str, float, float, float]
"""A hit from disk: key, kind, model, ms to look it up and ms saved, seconds since the epoch."""


class Touch(NamedTuple):
    """Hits since the last flush."""

    uses: int
    last_used_at: float
    saved_ms: float


_UNTOUCHED = Touch(0, 0.0, 0.0)


class Used(Protocol):
    """What counts its own hits until they are taken down."""

    uses: int
    last_used_at: float
    saved_ms: float


class Ledger(Protocol):
    """What the books are written into."""

    async def write_down(
        self,
        touches: Mapping[str, Touch],
        minutes: Sequence[MinuteTallies],
        last_miss: str | None,
    ) -> bool:
        """Whether all of it was committed."""
        ...

    async def epoch(self) -> int | None:
        """Counts what makes memory anywhere out of date; None while it cannot be told."""
        ...


class Books:
    """Buffers of one cache. After activity they are flushed within `timing.flush`; idle, never.

    `outdated` is called when another process has purged or replaced entries.
    """

    def __init__(self, clock: Clock, timing: Timing, outdated: Callable[[], None]) -> None:
        self._counters = Counters(clock.now)
        self.last_miss: Explanation | None = None
        # What was used since the last flush; twice, if it left memory and came back meanwhile.
        self.touched: list[tuple[str, Used]] = []
        # Hits from disk, to be counted together: one by one it would be a tenth of each.
        self.noted: list[Noted] = []
        self._timing = timing
        self._outdated = outdated
        self._waiting: dict[str, Touch] = {}
        self._unsaved_miss: str | None = None
        self._epoch: int | None = None
        self._ledger: Ledger | None = None
        # None while nothing waits to be flushed.
        self.timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.listeners: list[Callable[[], None]] = []

    @property
    def counters(self) -> Counters:
        """What was counted, all that was noted included."""
        self.count_noted()
        return self._counters

    def count_noted(self) -> None:
        """Count the hits that were only noted."""
        noted, self.noted = self.noted, []
        waiting, hit = self._waiting, self._counters.hit
        for key, kind, model, lookup_ms, saved_ms, at in noted:
            hit((kind, model), FROM_DISK, lookup_ms, saved_ms, at)
            _add(waiting, key, Touch(1, at, saved_ms))

    def attach(self, ledger: Ledger) -> None:
        """Flush into `ledger` from now on."""
        self._ledger = ledger
        # Of the loop the cache is open in now.
        self._turn = asyncio.Lock()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after whatever `changed` tells; returns what ends that."""
        self.listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self.listeners:
                self.listeners.remove(listener)

        return unsubscribe

    def changed(self) -> None:
        """Something was counted, or the state changed."""
        if self.timer is None and self._ledger is not None:
            self.timer = asyncio.get_running_loop().call_later(self._timing.flush, self._due)
        if self.listeners:
            self._tell()

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            try:
                listener()
            except Exception:
                log.exception("A listener of the cache failed; the others were still told.")

    def missed(self, why: Explanation) -> None:
        """Keep the explanation of the last miss, for whoever asks, in this process or another."""
        self.last_miss = why
        self._unsaved_miss = json.dumps(attrs.asdict(why))

    async def flush(self) -> None:
        """Write what is buffered, and look whether others have purged.

        In turn: what another caller is still writing is written when this returns, too.
        """
        async with self._turn:
            await self._flush()

    async def _flush(self) -> None:
        ledger = self._ledger
        if ledger is None:
            return
        minutes = self.counters.take_unsaved()
        touches = self._take_touches()
        miss, self._unsaved_miss = self._unsaved_miss, None
        something = touches or minutes or miss is not None
        if something and not await ledger.write_down(touches, minutes, miss):
            self.counters.give_back(minutes)
            self._waiting = dict(list(touches.items())[-_TOUCHES_KEPT:]) | self._waiting
        else:
            await self.check_epoch()

    def _take_touches(self) -> dict[str, Touch]:
        used, self.touched = self.touched, []
        touches, self._waiting = self._waiting, {}
        for key, entry in used:
            _add(touches, key, entry)
            entry.uses, entry.saved_ms = 0, 0.0
        return touches

    async def check_epoch(self) -> None:
        """Tell if another process has purged or replaced entries since the last look."""
        if self._ledger is None:
            return
        epoch = await self._ledger.epoch()
        if epoch is not None:
            if self._epoch not in (None, epoch):
                self._outdated()
            self._epoch = epoch

    async def close(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self._flushing is not None:
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self.flush()
        self._ledger = None

    def _due(self) -> None:
        self.timer = None
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self.flush())


def _add(touches: dict[str, Touch], key: str, used: Used | Touch) -> None:
    # The one touched last goes last: what is too much is forgotten from the front.
    uses, at, saved_ms = touches.pop(key, _UNTOUCHED)
    touches[key] = Touch(uses + used.uses, max(at, used.last_used_at), saved_ms + used.saved_ms)


def explanation_from(text: str) -> Explanation:
    """An explanation as `Books.missed` wrote it."""
    data = json.loads(text)
    data["differences"] = tuple(Difference(**d) for d in data["differences"])
    return Explanation(**data)
