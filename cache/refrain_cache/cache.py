"""`AsyncCache`: what a program asks of a cache."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from refrain_cache import codec
from refrain_cache.accounts import explain
from refrain_cache.accounts.books import Books, explanation_from
from refrain_cache.accounts.explain import Facts, Tombstone
from refrain_cache.accounts.stats import CacheStats, StatsWindow, build, timeline_of
from refrain_cache.clock import Clock, SystemClock
from refrain_cache.entry import (
    CacheState,
    EntryOrder,
    EntryPage,
    Explanation,
    Progress,
    Purged,
    Selection,
    Transferred,
    Verified,
)
from refrain_cache.fingerprint import Fingerprint, fingerprint
from refrain_cache.lookup.answering import SWITCHED_OFF, Answering
from refrain_cache.lookup.computing import Question
from refrain_cache.lookup.memory import MemoryTier
from refrain_cache.lookup.tiers import Tiers
from refrain_cache.outcome import Outcome
from refrain_cache.settings import DATABASE_NAME, CacheSettings, resolve_cache_dir
from refrain_cache.sqlite import purge, rollup
from refrain_cache.sqlite.faults import Fault, StoreFault
from refrain_cache.sqlite.health import Health
from refrain_cache.sqlite.portable import announced, read_export, write_export
from refrain_cache.sqlite.rows import NewEntry
from refrain_cache.sqlite.store import Store
from refrain_cache.sqlite.verify import integrity, verify_some
from refrain_cache.timing import Timing

T = TypeVar("T")


def untold(done: int, total: int | None) -> None:
    """The progress nobody follows."""


class AsyncCache:
    """Stores answers under fingerprints, in memory over one SQLite file. For one event loop.

        async with AsyncCache(CacheSettings()) as cache:
            outcome = await cache.get_or_compute(fingerprint("api", url), fetch)

    The cache never breaks the work: with its file locked, full, damaged or gone, answers are
    computed and returned, `state` says why, and it recovers by itself.
    """

    def __init__(
        self,
        settings: CacheSettings,
        *,
        clock: Clock | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._settings = settings
        self._clock: Clock = clock or SystemClock()
        self._timing = timing or Timing()
        self._tick = self._clock.tick
        self._opened_at = self._clock.now()
        memory = MemoryTier(settings.memory_entries if settings.enabled else 0)
        self._books = Books(self._clock, self._timing, memory)
        self._tiers = Tiers(self._clock, memory, self._books, settings.max_bytes)
        self._answering = Answering(self._tiers, self._books, self._clock, self._timing)
        self._is_open = False

    # --- life -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make ready. A file or folder that cannot be used is a bypass, not an error."""
        if self._is_open:
            return
        self._is_open = True
        self._opened_at = self._clock.now()
        if not self._settings.enabled:
            return
        tiers = self._tiers
        store = tiers.store = Store(
            resolve_cache_dir(self._settings.cache_dir) / DATABASE_NAME,
            self._settings,
            self._clock,
            self._timing,
            reopened=self._reopened,
            faulted=self._faulted,
        )
        health = tiers.health = Health(store, self._timing, self._books.changed)
        self._books.attach(store, lambda: health.writable)
        try:
            await store.open()
            await self._books.check_epoch()
        except StoreFault as error:
            health.write_failed(error.fault)
        else:
            tiers.run_behind(store.clear_expired())

    async def close(self) -> None:
        """Finish pending stores, write the books, end connections and threads."""
        if not self._is_open:
            return
        self._is_open = False
        tiers = self._tiers
        await self._answering.close()
        await tiers.settle(self._timing.close_patience)
        await self._books.close()
        if tiers.health is not None:
            tiers.health.stop()
        if tiers.store is not None:
            await tiers.store.close(self._timing.close_patience)
        tiers.store = tiers.health = None
        tiers.memory.clear()

    async def __aenter__(self) -> AsyncCache:
        await self.open()
        return self

    async def __aexit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def state(self) -> CacheState:
        """Whether answers are kept, and if not, why."""
        if not self._settings.enabled:
            return CacheState("off", SWITCHED_OFF, None)
        store, trouble = self._tiers.store, self._tiers.trouble
        if store is None:
            return CacheState("bypass", "the cache is not open", None)
        if trouble is not None:
            return CacheState("bypass", trouble.reason, str(store.path))
        return CacheState("on", None, str(store.path))

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` on the loop after every counted outcome, purge and change of state.

        Returns a function that ends it.
        """
        return self._books.subscribe(listener)

    # --- lookups --------------------------------------------------------------------------------

    async def get_or_compute(
        self,
        fp: Fingerprint,
        compute: Callable[[], Awaitable[T]],
        *,
        ttl: float | None = None,
        fresh: bool = False,
        validate: Callable[[T], None] | None = None,
        label: str | Callable[[T], str] = "",
        model: str = "",
    ) -> Outcome[T]:
        """The stored answer, or the one `compute` makes, which is then stored.

        Identical calls under way at once, in this process or another, compute once. `ttl` is
        seconds (by default the kind's), `fresh` computes anew and replaces. `validate` refuses an
        answer by raising. `label` names the entry for people and must hold no private text.

        Raises what `compute` or `validate` raise; nothing is stored then. Raises OwnerFailedError
        if another process was computing this answer and failed. Cancelling the caller cancels
        `compute` unless somebody else waits for it.
        """
        started = self._tick()
        if not fresh:
            hit = self._tiers.from_memory(fp.key, started)
            if hit is not None:
                return hit
        ttl_s = self._settings.ttl_of(fp.kind) if ttl is None else ttl
        question = Question(fp, compute, ttl_s, fresh, validate, label, model or fp.model)
        if not self._settings.enabled:
            return await self._answering.compute_uncached(question, started)
        return await self._answering.answer(question, started)

    async def lookup(self, fp: Fingerprint) -> Outcome[Any] | None:
        """The stored answer, or None. Counted as a hit or a miss."""
        started = self._tick()
        tiers = self._tiers
        hit = tiers.from_memory(fp.key, started) or await tiers.from_disk(fp, started)
        if hit is None:
            await self._answering.missed(fp)
        return hit

    async def peek(self, fp: Fingerprint) -> bool:
        """Whether a lookup would hit now. Not counted, and no use of the entry."""
        return await self._tiers.has(fp.key)

    async def get(
        self,
        *,
        content: Any,
        cache_type: str,
        params: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> Any | None:
        """The answer stored for `content` under kind `cache_type`, or None."""
        hit = await self.lookup(fingerprint(cache_type, content, params=params, identity=identity))
        return hit.value if hit is not None else None

    async def set(
        self,
        *,
        content: Any,
        cache_type: str,
        value: Any,
        ttl: float | None = None,
        params: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        cost_ms: float = 0.0,
        label: str = "",
        model: str = "",
    ) -> bool:
        """Store an answer. True once it is committed, False if the cache is off or bypassed.

        `cost_ms` is what the answer took to make: dear ones are kept longer. Raises NotJsonError
        if `value` is not JSON.
        """
        fp = fingerprint(cache_type, content, params=params, identity=identity)
        encoded = codec.encode(value)
        ttl_s = self._settings.ttl_of(cache_type) if ttl is None else ttl
        return await self._tiers.put(
            NewEntry(fp, encoded, ttl_s, cost_ms, label, model or fp.model)
        )

    # --- looking around -------------------------------------------------------------------------

    async def get_stats(self, window: StatsWindow = "session") -> CacheStats:
        """What the cache holds and what it was worth in a window. O(1) in the number of entries.

        All windows but the session add up every process that used the file.
        """
        await self._tiers.arrived()
        counters = self._books.counters
        tallies, timeline = counters.session(), timeline_of(counters.minutes())
        since = self._opened_at
        held = await self._tiers.read(lambda store: store.holdings())
        if window != "session" and held is not None:
            await self._books.flush()
            now = self._clock.now()
            rolled = await self._tiers.read(
                lambda store: store.read_apart(lambda conn: rollup.read(conn, window, now))
            )
            if rolled is not None:
                tallies, timeline, since = rolled.tallies, rolled.timeline, rolled.since
        return build(
            self.state, window, self._settings.max_bytes, tallies, held or {}, timeline, since
        )

    async def entries(
        self,
        *,
        kind: str | None = None,
        order: EntryOrder = "recent",
        limit: int = 100,
        offset: int = 0,
    ) -> EntryPage:
        """A slice of the stored entries; empty while the file cannot be read."""
        await self._up_to_date()
        page = await self._tiers.read(lambda store: store.page(kind, order, limit, offset))
        return page if page is not None else EntryPage(0, ())

    async def explain(self, fp: Fingerprint) -> Explanation:
        """Why a lookup of `fp` would hit or miss now, and how its nearest relative differs."""
        await self._tiers.arrived()
        facts = await self._tiers.read(lambda store: store.facts(fp, far=True))
        return explain.explain(fp, facts or Facts(), self._clock.now())

    async def explain_key(self, key_prefix: str) -> Explanation:
        """The same for the entry whose key begins with `key_prefix` (hex).

        Raises ValueError if that is not the beginning of a key.
        """
        key_range = purge.key_range(key_prefix)
        await self._tiers.arrived()
        found = await self._tiers.read(lambda store: store.by_prefix(key_range))
        if isinstance(found, Fingerprint):
            return await self.explain(found)
        facts = Facts(tombstone=found) if isinstance(found, Tombstone) else Facts()
        return explain.explain_without_ingredients(key_prefix, facts, self._clock.now())

    async def explain_last_miss(self) -> Explanation:
        """Why the last lookup that missed did, as it was then; of this process, else of any."""
        if self._books.last_miss is not None:
            return self._books.last_miss
        text = await self._tiers.read(lambda store: store.last_miss())
        if text:
            return explanation_from(text)
        return Explanation(
            None, None, False, "no miss yet", "Nothing has missed since the cache was begun."
        )

    # --- clearing -------------------------------------------------------------------------------

    async def clear_expired(self) -> int:
        """Delete expired entries; returns how many."""
        store = self._tiers.writable
        if store is None:
            return 0
        try:
            cleared = await store.clear_expired()
        except StoreFault:
            return 0
        if cleared:
            self._books.changed()
        return cleared

    async def purge(self, selection: Selection, *, dry_run: bool = False) -> Purged:
        """Delete the entries a selection means, here and in every process's memory.

        A dry run only counts. Raises ValueError for a key prefix that is none.
        """
        if selection.key_prefix is not None:
            purge.key_range(selection.key_prefix)
        await self._up_to_date()
        now = self._clock.now()
        found = await self._tiers.read(
            lambda store: store.read_apart(lambda conn: purge.selected(conn, selection, now))
        )
        if not found:
            return Purged(0, 0)
        if dry_run:
            return Purged(len(found), sum(size for _, size in found))
        store = self._tiers.writable
        if store is None:
            return Purged(0, 0)
        self._tiers.memory.clear()
        try:
            purged = await store.remove([key for key, _ in found], explain.PURGED)
        except StoreFault:
            return Purged(0, 0)
        finally:
            # Lookups under way may have put back what was just deleted.
            self._tiers.memory.clear()
        self._tiers.run_behind(store.shrink())
        self._books.changed()
        return purged

    # --- moving house, checking -----------------------------------------------------------------

    async def export(self, path: Path, progress: Progress = untold) -> Transferred:
        """Write every entry that has not expired to one portable file, replacing it.

        Raises OSError if it cannot be written. Private texts are not in it, answers are.
        """
        now, loop = self._clock.now(), asyncio.get_running_loop()

        def tell(done: int, total: int | None) -> None:
            loop.call_soon_threadsafe(progress, done, total)

        await self._tiers.arrived()
        done = await self._tiers.read(
            lambda store: store.read_apart(lambda conn: write_export(conn, path, now, tell))
        )
        return done if done is not None else Transferred(path, 0)

    async def import_(self, path: Path, progress: Progress = untold) -> Transferred:
        """Take in an export, each entry checked; what is here already or has expired is skipped.

        Raises PortableFileError if it is no export, OSError if it cannot be read.
        """
        taken = here = expired = 0
        rejected: list[str] = []
        arriving = read_export(path)
        total = await asyncio.to_thread(announced, path)
        while step := await asyncio.to_thread(lambda: list(itertools.islice(arriving, 200))):
            entries = [one for one in step if not isinstance(one, str)]
            rejected += [one for one in step if isinstance(one, str)]
            store = self._tiers.writable
            if store is None:
                rejected.append(f"the cache is not in use: {self.state.reason}")
                break
            try:
                counts = await store.take_in(entries)
            except StoreFault as error:
                rejected.append(error.fault.reason)
                break
            taken, here, expired = taken + counts[0], here + counts[1], expired + counts[2]
            progress(taken + here + expired + len(rejected), total)
        self._books.changed()
        return Transferred(path, taken, here, expired, tuple(rejected))

    async def verify(self, progress: Progress = untold) -> Verified:
        """Re-hash every entry and check the file; reports what does not match, changes nothing."""
        after = checked = 0
        damaged: dict[str, str] = {}
        held = (await self.entries(limit=1)).total
        while True:
            some = functools.partial(verify_some, after=after)
            step = await self._tiers.read(lambda store: store.read_apart(some))  # noqa: B023
            if step is None:
                return Verified(
                    checked, damaged, (f"the file cannot be read: {self.state.reason}",)
                )
            after, looked_at, found = step
            checked += looked_at
            damaged.update(found)
            if looked_at == 0:
                break
            progress(checked, held)
        whole = await self._tiers.read(lambda store: store.read_apart(integrity))
        return Verified(checked, damaged, whole or ())

    # --- inside ---------------------------------------------------------------------------------

    async def _up_to_date(self) -> None:
        # What a caller has been told must show in what it is shown.
        await self._tiers.arrived()
        await self._books.flush()

    # --- told by the store ----------------------------------------------------------------------

    def _faulted(self, fault: Fault) -> None:
        if self._tiers.health is not None:
            self._tiers.health.write_failed(fault)

    def _reopened(self) -> None:
        # What was removed with the file is to be gone from memory as well.
        self._tiers.memory.clear()
        self._books.changed()
