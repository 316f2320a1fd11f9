"""Memory over the file over what machines share: where an answer is, and is put."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from marshal import loads
from typing import Any, TypeVar

from refrain_cache import codec
from refrain_cache.accounts.books import NOTED_AT_MOST, Books
from refrain_cache.accounts.counters import FROM_MEMORY, FROM_SHARED
from refrain_cache.accounts.tally import Group
from refrain_cache.codec import Encoded
from refrain_cache.entry import NewEntry, Outcome, Tier
from refrain_cache.errors import EntryError
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.lookup.memory import NEVER, MemoryTier, Remembered, remember
from refrain_cache.shared.lease import Lease
from refrain_cache.shared.tier import SharedTier
from refrain_cache.sqlite.faults import StoreFault
from refrain_cache.sqlite.glance import LATER, Later
from refrain_cache.sqlite.lease import Owned
from refrain_cache.sqlite.reader import Row
from refrain_cache.sqlite.store import Store
from refrain_cache.threads import in_thread
from refrain_cache.timing import Clock

log = logging.getLogger("refrain.cache")
T = TypeVar("T")

# A damaged entry is a miss, so its caller can wait for the drop: only then does the file say why it
# missed. A drop that takes longer (the file is locked) goes on behind.
_DROP_PATIENCE_S = 0.25
# What comes from other machines goes into the file together: a commit each would take longer than
# the lookups themselves, and hold up the next ones.
_GATHERED_S = 0.1

Coming = tuple[Store, NewEntry, Remembered]
"""An answer on its way into the file, and what memory has of it meanwhile."""


class Tiers:
    """The tiers of one cache. Without a store all is a miss; `without` says why there is none."""

    def __init__(self, clock: Clock, memory: MemoryTier, books: Books, max_bytes: int) -> None:
        self.memory = memory
        self._in_memory = memory.get
        self.store: Store | None = None
        self.shared: SharedTier | None = None
        self.without: str | None = None
        self._now = clock.now
        self._tick = clock.tick
        self._books = books
        self._count_hit = books.counters.hit
        self._max_bytes = max_bytes
        # Computed, returned, and on its way into the file: a lookup finds it here meanwhile.
        self._arriving: dict[str, Remembered] = {}
        self._groups: dict[Group, Group] = {}
        self._behind: set[asyncio.Task[Any]] = set()
        self._arrivals: set[asyncio.Task[Any]] = set()
        self._gathered: list[Coming] = []

    # --- the state of the file ------------------------------------------------------------------

    @property
    def bypass_reason(self) -> str | None:
        """Why the file is not used now, None if it is."""
        if self.store is None:
            return self.without
        fault = self.store.health.fault
        return fault.reason if fault is not None else None

    @property
    def writable(self) -> Store | None:
        return self.store if self.store is not None and self.store.health.writable else None

    async def read(self, work: Callable[[Store], Awaitable[T]]) -> T | None:
        """What `work` reads from the file; None while that cannot be read."""
        store = self.store
        if store is None or not store.health.readable:
            return None
        try:
            return await work(store)
        except StoreFault:
            return None

    # --- finding --------------------------------------------------------------------------------

    def from_memory(self, key: str, started: float) -> Outcome[Any] | None:
        """A hit without leaving this thread, or None."""
        found = self._in_memory(key) or self._arriving.get(key)
        if found is None:
            return None
        now = self._now()
        if found.expires_at <= now:
            self.memory.drop(key)
            return None
        held = found.held
        value = loads(held) if isinstance(held, bytes) else held.value()
        cost_ms, group = found.cost_ms, found.group
        lookup_ms = (self._tick() - started) * 1e3
        saved_ms = cost_ms - lookup_ms if cost_ms > lookup_ms else 0.0
        self._count_hit(group, FROM_MEMORY, lookup_ms, saved_ms, now)
        found.asked = True
        found.uses += 1
        found.last_used_at = now
        found.saved_ms += saved_ms
        if found.uses == 1:
            self._books.touched.append((key, found))
        return self._hit(key, value, "memory", lookup_ms, cost_ms, saved_ms)

    def at_once(self, fp: Fingerprint, started: float) -> Outcome[Any] | Later | None:
        """A hit from the file without leaving this thread, or None; LATER: `from_disk` knows."""
        store = self.store
        if store is None or not store.health.readable:
            return None
        row = store.glance(fp.key, started)
        if row is None or isinstance(row, Later):
            return row
        try:
            if len(row[0]) > codec.LARGE_BYTES:
                return LATER
            return self._found(fp, row, codec.decode(row[0], row[1], row[2]), started)
        except (codec.DamagedError, TypeError):
            return LATER

    async def from_disk(self, fp: Fingerprint, started: float) -> Outcome[Any] | None:
        """A hit one thread hop away, or None."""
        store = self.store
        if store is None or not store.health.readable:
            return None
        try:
            row = await store.find(fp.key)
        except StoreFault:
            return None
        if row is None:
            return None
        try:
            decode = partial(codec.decode, row[0], row[1], row[2])
            value = await in_thread(decode) if len(row[0]) > codec.LARGE_BYTES else decode()
            return self._found(fp, row, value, started)
        except (codec.DamagedError, TypeError) as error:
            log.warning("Entry %s is damaged and is dropped: %s.", fp.key[:12], error)
            if store.health.writable:
                dropping = self.run_behind(_awaited(store.drop_damaged(fp.key)))
                await asyncio.wait((dropping,), timeout=_DROP_PATIENCE_S)
            return None

    def _found(self, fp: Fingerprint, row: Row, value: Any, started: float) -> Outcome[Any] | None:
        data, packed, digest, expires_at, cost_ms, model = row
        now = self._now()
        if expires_at is not None and expires_at <= now:
            return None
        if type(cost_ms) is not float or type(model) is not str:
            raise codec.DamagedError("its cost is no number, or its model no text")
        key = fp.key
        if self.memory.welcomes(key):
            plain = None if len(data) > codec.LARGE_BYTES else codec.copied(value)
            held = plain or Encoded(data, packed, digest)
            until = NEVER if expires_at is None else expires_at
            group = self._group(fp.kind, model)
            self.memory.put(key, Remembered(held, len(data), until, cost_ms, group))
        lookup_ms = (self._tick() - started) * 1e3
        saved_ms = cost_ms - lookup_ms if cost_ms > lookup_ms else 0.0
        noted = self._books.noted
        noted.append((key, fp.kind, model, lookup_ms, saved_ms, now))
        if len(noted) == NOTED_AT_MOST:
            self._books.count_noted()
        return self._hit(key, value, "disk", lookup_ms, cost_ms, saved_ms)

    async def from_shared(self, fp: Fingerprint, started: float) -> Outcome[Any] | None:
        """A hit from another machine, or None. The tiers above are filled behind the reply."""
        if self.shared is None:
            return None
        arrived = await self.shared.get(fp)
        if arrived is None or fp.key in self._arriving:
            # Others went on meanwhile.
            return self.from_memory(fp.key, started)
        new = arrived.new
        with contextlib.suppress(EntryError):
            self.take_in(new)
        lookup_ms = (self._tick() - started) * 1e3
        saved_ms = max(0.0, new.cost_ms - lookup_ms)
        group = self._group(fp.kind, new.model)
        self._count_hit(group, FROM_SHARED, lookup_ms, saved_ms, self._now())
        return self._hit(fp.key, arrived.value, "shared", lookup_ms, new.cost_ms, saved_ms)

    async def has(self, fp: Fingerprint) -> bool:
        """Whether a lookup would hit. No use of the entry, and not counted."""
        now = self._now()
        found = self._in_memory(fp.key) or self._arriving.get(fp.key)
        if found is not None and found.expires_at > now:
            return True
        row = await self.row(fp.key)
        if row is not None and (row[3] is None or row[3] > now):
            return True
        return self.shared is not None and await self.shared.get(fp) is not None

    async def row(self, key: str) -> Row | None:
        return await self.read(lambda store: store.find(key))

    def _hit(
        self, key: str, value: Any, tier: Tier, lookup_ms: float, cost_ms: float, saved_ms: float
    ) -> Outcome[Any]:
        books = self._books
        if books.timer is None or books.listeners:
            books.changed()
        # What Outcome(…) comes to, without its call: a fiftieth of a hit from memory.
        hit = (value, "hit", tier, key, None, lookup_ms, lookup_ms, cost_ms, saved_ms)
        return tuple.__new__(Outcome, hit)

    # --- keeping --------------------------------------------------------------------------------

    async def put(self, new: NewEntry) -> bool:
        """Store an answer; True once it is committed and still there. Others get it behind that."""
        self.share(new, None)
        store = self.writable
        if store is None or not self._fits(new):
            return False
        started = self._tick()
        try:
            kept = await store.put(new)
        except StoreFault:
            # The writer has told the file's health, which told the log.
            return False
        if kept:
            self.memory.put(new.fingerprint.key, self._remembered(new))
            self._stored(new, started)
        return kept

    def share(self, new: NewEntry, lease: Lease | None) -> None:
        """Give an answer to other machines behind the reply, and end its lease there."""
        if self.shared is not None:
            self.run_behind(self.shared.put(new, lease))

    def fill(self, new: NewEntry, owned: Owned | None) -> bool:
        """Put an answer into memory now and into the file behind the reply.

        False if the file cannot be written; its lease, if any, is then still the caller's. Raises
        EntryError, likewise, for one larger than the whole cache may be.
        """
        coming = self._coming(new)
        if coming is not None:
            self._run_arrival(self._arrive(*coming, owned))
        return coming is not None

    def take_in(self, new: NewEntry) -> None:
        """The same for what comes from other machines. Raises EntryError as `fill`."""
        coming = self._coming(new)
        if coming is not None:
            self._gathered.append(coming)
            if len(self._gathered) == 1:
                self._run_arrival(self._arrive_together())

    def _coming(self, new: NewEntry) -> Coming | None:
        """Put an answer into memory; what is to bring it into the file, None if nothing can."""
        key, remembered = new.fingerprint.key, self._remembered(new)
        self.memory.put(key, remembered)
        store = self.writable
        if store is None:
            return None
        if not self._fits(new):
            raise EntryError("it is larger than caching.max_bytes")
        self._arriving[key] = remembered
        return store, new, remembered

    def _run_arrival(self, work: Coroutine[Any, Any, None]) -> None:
        arrival = self.run_behind(work)
        self._arrivals.add(arrival)
        arrival.add_done_callback(self._arrivals.discard)

    def _fits(self, new: NewEntry) -> bool:
        if new.bytes <= self._max_bytes:
            return True
        log.warning(
            "An answer of %d bytes was not stored: caching.max_bytes is %d.",
            new.bytes,
            self._max_bytes,
        )
        return False

    async def arrived(self) -> None:
        """Wait until what has been returned so far is in the file, or has failed to get there."""
        if self._arrivals:
            await asyncio.wait(tuple(self._arrivals))

    async def _arrive_together(self) -> None:
        try:
            await asyncio.sleep(_GATHERED_S)
        finally:
            gathered, self._gathered = self._gathered, []
        await asyncio.gather(*(self._arrive(*coming, None) for coming in gathered))

    async def _arrive(
        self, store: Store, new: NewEntry, remembered: Remembered, owned: Owned | None
    ) -> None:
        key = new.fingerprint.key
        try:
            started = self._tick()
            if await store.put(new, owned.token if owned is not None else None):
                self._stored(new, started)
        except StoreFault as error:
            log.warning("An answer was returned, but not stored: %s", error.fault.reason)
        finally:
            if owned is not None:
                store.lease_ended()
            if self._arriving.get(key) is remembered:
                del self._arriving[key]

    def _stored(self, new: NewEntry, started: float) -> None:
        group = self._group(new.fingerprint.kind, new.model)
        self._books.counters.stored(group, (self._tick() - started) * 1e3)
        self._books.changed()

    def _remembered(self, new: NewEntry) -> Remembered:
        return remember(
            new.encoded,
            expires_at=None if new.ttl is None else self._now() + new.ttl,
            cost_ms=new.cost_ms,
            group=self._group(new.fingerprint.kind, new.model),
        )

    def _group(self, kind: str, model: str) -> Group:
        # The same object for thousands of entries: counting a hit then compares nothing and
        # touches none of the entry's own texts.
        group = (kind, model)
        return self._groups.setdefault(group, group)

    # --- behind the replies ---------------------------------------------------------------------

    def run_behind(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run work that no caller waits for, and that no caller's cancellation ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._done_behind)
        return task

    async def settle(self, patience: float) -> None:
        """Wait for what runs behind the replies, at most `patience` seconds."""
        if self._behind:
            _, late = await asyncio.wait(tuple(self._behind), timeout=patience)
            for task in late:
                task.cancel()

    def _done_behind(self, task: asyncio.Task[Any]) -> None:
        self._behind.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, StoreFault):
            log.debug("Left undone behind a reply: %s", error.fault.reason)
        elif error is not None:
            log.error("Work behind a reply failed.", exc_info=error)


async def _awaited(future: asyncio.Future[Any]) -> None:
    await future
