"""`AsyncCache`: what a program asks of a cache."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import attrs

from refrain_cache import forking
from refrain_cache.accounts import explain
from refrain_cache.accounts.books import Books, explanation_from
from refrain_cache.accounts.explain import Facts, Tombstone
from refrain_cache.accounts.stats import CacheStats, StatsWindow, build, timeline_of
from refrain_cache.entry import (
    CacheState,
    EntryOrder,
    EntryPage,
    Explanation,
    Outcome,
    Progress,
    Purged,
    Selection,
    Transferred,
    Verified,
)
from refrain_cache.errors import CacheClosedError, CacheUnavailableError
from refrain_cache.fingerprint import Fingerprint, fingerprint
from refrain_cache.lookup.answering import Answering, Question, entry_of
from refrain_cache.lookup.memory import MemoryTier
from refrain_cache.lookup.tiers import Tiers
from refrain_cache.settings import DATABASE_NAME, CacheSettings, resolve_cache_dir
from refrain_cache.shared.faults import Unavailable
from refrain_cache.shared.tier import SharedTier
from refrain_cache.sqlite import purge, rollup
from refrain_cache.sqlite.faults import StoreFault
from refrain_cache.sqlite.glance import Later
from refrain_cache.sqlite.portable import read_export, transferred, verify, write_export
from refrain_cache.sqlite.store import Store
from refrain_cache.threads import in_thread
from refrain_cache.timing import Clock, SystemClock, Timing

log = logging.getLogger("refrain.cache")
T = TypeVar("T")

SWITCHED_OFF = 'the cache is off by configuration (set "enabled": true under "caching")'
NOT_OPEN = "the cache is not open"
FORKED = "the cache was opened before this process was forked; open one of its own in the child"
# What a forked child must not let go of: letting go would touch what it shares with its parent.
_parents_own: list[object] = []


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
        self._is_open = False
        self._begin(NOT_OPEN)
        forking.inherits(self)

    def _begin(self, without: str) -> None:
        settings = self._settings
        self._opened_at = self._clock.now()
        memory = MemoryTier(settings.memory_entries if settings.enabled else 0)
        self._books = Books(self._clock, self._timing, memory.clear)
        self._tiers = Tiers(self._clock, memory, self._books, settings.max_bytes)
        self._tiers.without = without if settings.enabled else SWITCHED_OFF
        self._answering = Answering(self._tiers, self._books, self._clock, self._timing)

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
        if self._settings.shared is not None:
            tiers.shared = SharedTier(
                self._settings.shared,
                self._clock,
                self._timing,
                changed=self._books.changed,
                refused=self._refused_shared,
            )
            tiers.shared.open()
        try:
            folder = resolve_cache_dir(self._settings.cache_dir)
        except (OSError, RuntimeError) as error:
            # A working directory that was deleted, or a `~` of nobody.
            tiers.without = f"there is no folder for the cache: {error}"
            log.warning("Cache bypassed: %s", tiers.without)
            return
        tiers.store = Store(
            folder / DATABASE_NAME,
            self._settings,
            self._clock,
            self._timing,
            reopened=self._reopened,
            changed=self._books.changed,
        )
        self._books.attach(tiers.store)
        await tiers.store.open()
        if tiers.store.health.writable:
            await self._books.check_epoch()
            tiers.run_behind(tiers.store.clear_expired())

    async def close(self) -> None:
        """Finish pending stores, write the books, end connections and threads.

        What is being computed is cancelled; who waits for it gets CacheClosedError.
        """
        if not self._is_open:
            return
        self._is_open = False
        tiers = self._tiers
        await self._answering.close()
        await tiers.settle(self._timing.close_patience)
        shared, tiers.shared = tiers.shared, None
        if shared is not None:
            await shared.close()
        await self._books.close()
        store, tiers.store = tiers.store, None
        if store is not None:
            await store.close(self._timing.close_patience)
        tiers.memory.clear()
        tiers.without = NOT_OPEN if self._settings.enabled else SWITCHED_OFF

    def forked(self) -> None:
        """Begin anew in a forked child, where neither the threads nor the loop of this cache are.

        It answers without its file there; a child that wants it opens a cache of its own.
        """
        if self._is_open:
            _parents_own.append((self._tiers, self._books, self._answering))
            self._is_open = False
            self._begin(FORKED)

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
        tiers = self._tiers
        path = None if tiers.store is None else str(tiers.store.path)
        if not self._settings.enabled:
            return CacheState("off", SWITCHED_OFF, None)
        reason = tiers.bypass_reason
        shared = None if tiers.shared is None else tiers.shared.link.state
        return CacheState("on" if reason is None else "bypass", reason, path, shared)

    async def look_at_shared(self) -> float | None:
        """How long the shared tier takes to answer, in ms; None if none is configured.

        Raises CacheUnavailableError while it cannot be used.
        """
        if self._tiers.shared is None:
            return None
        try:
            return await self._tiers.shared.link.look()
        except Unavailable as error:
            raise CacheUnavailableError(str(error)) from error

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
        if another process was computing this answer and failed, RecursiveComputeError if `compute`
        asks for its own answer. Cancelling the caller cancels `compute` unless somebody else waits
        for it.
        """
        started = self._tick()
        if not fresh:
            hit = self._tiers.from_memory(fp.key, started)
            if hit is not None:
                return hit
        ttl_s = self._settings.ttl_of(fp.kind) if ttl is None else ttl
        question = Question(fp, compute, ttl_s, fresh, validate, label, model or fp.model)
        if not self._is_open or not self._settings.enabled:
            return await self._answering.compute_uncached(question, started)
        return await self._answering.answer(question, started)

    async def lookup(self, fp: Fingerprint) -> Outcome[Any] | None:
        """The stored answer, or None. Counted as a hit or a miss."""
        # As `find`, whose coroutine would be a thirtieth of a hit from the file.
        started = self._tick()
        tiers = self._tiers
        hit = tiers.from_memory(fp.key, started) or tiers.at_once(fp, started)
        if isinstance(hit, Later):
            hit = await tiers.from_disk(fp, started)
        hit = hit or await tiers.from_shared(fp, started)
        if hit is None:
            await self._answering.missed(fp)
        return hit

    async def find(self, fp: Fingerprint) -> Outcome[Any] | None:
        """The stored answer, or None. Counted only if it is a hit: whoever computes asks again."""
        started = self._tick()
        tiers = self._tiers
        hit = tiers.from_memory(fp.key, started) or tiers.at_once(fp, started)
        if isinstance(hit, Later):
            hit = await tiers.from_disk(fp, started)
        return hit or await tiers.from_shared(fp, started)

    async def peek(self, fp: Fingerprint) -> bool:
        """Whether a lookup would hit now. Not counted, and no use of the entry."""
        return await self._tiers.has(fp)

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
        """Store an answer. True once it is committed.

        False if the cache is off or bypassed, or too full of what is worth more. `cost_ms` is what
        the answer took to make: dear ones are kept longer. Raises EntryError if `value` is not JSON
        (NotJsonError) or another argument is not what it must be.
        """
        fp = fingerprint(cache_type, content, params=params, identity=identity)
        ttl_s = self._settings.ttl_of(cache_type) if ttl is None else ttl
        given = {"ttl": ttl_s, "cost_ms": cost_ms, "label": label, "model": model or fp.model}
        return await self._tiers.put(await entry_of(fp, value, **given))

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
        facts = await self._tiers.read(lambda store: store.facts(fp, far=True)) or Facts()
        shared = self._tiers.shared
        if shared is not None and await shared.get(fp) is not None:
            facts = attrs.evolve(facts, elsewhere=True)
        return explain.explain(fp, facts, self._clock.now())

    async def explain_key(self, key_prefix: str) -> Explanation:
        """The same for the entry whose key begins with `key_prefix` (hex).

        What only the shared tier has is found by its whole key.

        Raises ValueError if that is not the beginning of a key.
        """
        key_range = purge.key_range(key_prefix)
        await self._tiers.arrived()
        found = await self._tiers.read(lambda store: store.by_prefix(key_range))
        if not isinstance(found, Fingerprint) and self._tiers.shared is not None:
            found = await self._tiers.shared.find(key_prefix.strip().lower()) or found
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
        """Delete expired entries; returns how many. Raises CacheUnavailableError."""
        with self._in_use("Nothing was cleared") as store:
            cleared = await store.clear_expired()
        if cleared:
            self._books.changed()
        return cleared

    async def purge(self, selection: Selection, *, dry_run: bool = False) -> Purged:
        """Delete the entries a selection means, here and in every process's memory.

        What the shared tier has stays there, and is found there again, unless `selection.shared`.

        A dry run only counts. Raises ValueError for a key prefix that is none, and
        CacheUnavailableError if the file, or the shared tier, cannot be used; some may be gone by
        then.
        """
        if selection.key_prefix is not None:
            purge.key_range(selection.key_prefix)
        # First: what is deleted here alone would come back from there.
        shared = await self._purge_shared(selection, dry_run) if selection.shared else 0
        gone = await self._purge_here(selection, dry_run)
        return attrs.evolve(gone, shared=shared)

    async def _purge_shared(self, selection: Selection, dry_run: bool) -> int:
        tier = self._tiers.shared
        if tier is None:
            raise CacheUnavailableError("Nothing was purged: caching.shared names no server.")
        try:
            return await tier.purge(selection, dry_run=dry_run)
        except Unavailable as error:
            raise CacheUnavailableError(f"The purge was not finished: {error}") from error

    async def _purge_here(self, selection: Selection, dry_run: bool) -> Purged:
        await self._up_to_date()
        now = self._clock.now()
        with self._in_use("The purge was not finished", writing=not dry_run) as store:
            found = await store.read_apart(lambda conn: purge.selected(conn, selection, now))
            if dry_run or not found:
                return Purged(len(found), sum(size for _, size in found))
            self._tiers.memory.clear()
            try:
                purged = await store.remove([key for key, _ in found], explain.PURGED)
            finally:
                # Lookups under way may have put back what was just deleted.
                self._tiers.memory.clear()
            self._tiers.run_behind(store.shrink())
        self._books.changed()
        return purged

    # --- moving house, checking -----------------------------------------------------------------

    async def export(self, path: Path, progress: Progress = untold) -> Transferred:
        """Write every entry that has not expired to one portable file, replacing it.

        Raises OSError if it cannot be written, CacheUnavailableError. Answers are in it, and may
        quote the texts they were given to; of private ingredients only hashes are.
        """
        now, tell = self._clock.now(), _in_this_loop(progress)
        await self._tiers.arrived()
        with self._in_use("Nothing was exported", writing=False) as store:
            return await store.read_apart(lambda conn: write_export(conn, path, now, tell))

    async def import_(self, path: Path, progress: Progress = untold) -> Transferred:
        """Take in an export, each entry checked; what is here already or has expired is skipped.

        The checks find damage. An answer can only be trusted as far as whoever made the file.
        Raises PortableFileError if it is no export, OSError if it cannot be read,
        CacheUnavailableError if none of it could be taken in.
        """
        taken = here = expired = 0
        rejected: list[str] = []
        with self._in_use("Nothing was imported"):
            # Before a file is looked for in vain.
            pass
        arriving = read_export(path, self._settings.max_bytes)
        while (step := await in_thread(lambda: next(arriving, None))) is not None:
            rejected += step.rejected
            try:
                with self._in_use("Nothing was imported") as store:
                    counts = await store.take_in(step.entries)
            except CacheUnavailableError as error:
                if not taken + here + expired:
                    raise
                rejected.append(str(error.__cause__))
                break
            taken, here, expired = taken + counts[0], here + counts[1], expired + counts[2]
            done, total = taken + here + expired + len(rejected), step.announced
            # Headers may be wrong.
            progress(done, total if total is not None and done <= total < 1 << 63 else None)
        self._books.changed()
        return transferred(path, rejected, entries=taken, here=here, expired=expired)

    async def verify(self, progress: Progress = untold) -> Verified:
        """Re-hash every entry and check the file; reports what does not match, changes nothing.

        Raises CacheUnavailableError.
        """
        await self._up_to_date()
        tell = _in_this_loop(progress)
        with self._in_use("Nothing was checked", writing=False) as store:
            return await store.read_apart(lambda conn: verify(conn, tell))

    # --- inside ---------------------------------------------------------------------------------

    async def _up_to_date(self) -> None:
        # What a caller has been told must show in what it is shown.
        await self._tiers.arrived()
        await self._books.flush()

    @contextlib.contextmanager
    def _in_use(self, undone: str, *, writing: bool = True) -> Iterator[Store]:
        """The store, for what has nothing to do without it.

        Raises CacheUnavailableError, and CacheClosedError before `open` and after `close`.
        """
        store = self._tiers.store
        try:
            if store is None:
                closed = self._tiers.without == NOT_OPEN
                kind = CacheClosedError if closed else CacheUnavailableError
                raise kind(f"{undone}: {self.state.reason}")
            fault = store.health.fault
            if fault is not None and (writing or not store.health.readable):
                raise StoreFault(fault)
            yield store
        except StoreFault as error:
            raise CacheUnavailableError(f"{undone}: {error.fault.reason}") from error

    def _refused_shared(self, fp: Fingerprint) -> None:
        self._books.counters.refused_shared((fp.kind, fp.model))
        self._books.changed()

    def _reopened(self) -> None:
        # What was removed with the file is to be gone from memory as well.
        self._tiers.memory.clear()
        self._books.changed()


def _in_this_loop(progress: Progress) -> Progress:
    loop = asyncio.get_running_loop()

    def tell(done: int, total: int | None) -> None:
        loop.call_soon_threadsafe(progress, done, total)

    return tell
