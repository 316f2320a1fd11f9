"""The SQLite tier: what a cache asks of its file, as awaitables that raise StoreFault.

Each fault is told to the file's health here, whoever asked.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

from refrain_cache.accounts.books import Touch
from refrain_cache.accounts.counters import MinuteTallies
from refrain_cache.accounts.explain import DAMAGED, EXPIRED, Facts, Relative, Tombstone
from refrain_cache.accounts.stats import Holdings
from refrain_cache.entry import EntryPage, NewEntry, Purged
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.settings import CacheSettings
from refrain_cache.sqlite import lease, rollup, rows
from refrain_cache.sqlite.eviction import POLICIES
from refrain_cache.sqlite.faults import StoreFault, fault_of
from refrain_cache.sqlite.glance import Glance, Later
from refrain_cache.sqlite.health import Health
from refrain_cache.sqlite.lease import Held, Owned, Ready
from refrain_cache.sqlite.place import Place
from refrain_cache.sqlite.portable import Imported
from refrain_cache.sqlite.reader import ReadConnection, Reader, Row
from refrain_cache.sqlite.schema import MIGRATIONS, Migration
from refrain_cache.sqlite.writer import Transaction, Writer
from refrain_cache.threads import in_thread
from refrain_cache.timing import Clock, Timing

log = logging.getLogger("refrain.cache")
T = TypeVar("T")

# Tombstones explain misses; this many cost about a megabyte.
_TOMBSTONES = 10_000
# Pages of 4 KB: what moves within a few milliseconds.
_SHRINK_STEP = 1000
_RELATIVES = 20
# How far back to look for a relative that shares less than its content.
_RECENT = 200


class Store:
    """One file for one event loop: a reading and a writing connection, a thread each while in use.

    `reopened` is called when the file was found gone or damaged and begun anew; `changed` when it
    can be used no longer, or again.
    """

    def __init__(
        self,
        path: Path,
        settings: CacheSettings,
        clock: Clock,
        timing: Timing,
        *,
        reopened: Callable[[], None],
        changed: Callable[[], None],
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        self.path = path
        self.owner = lease.owner_name()
        self._settings = settings
        self._clock = clock
        self._timing = timing
        self._leases = 0
        # The minute at whose first flush the upkeep was done last.
        self._pruned_at: int | None = None
        loop = asyncio.get_running_loop()
        busy_ms = int(timing.busy * 1000)
        place = self._place = Place(path, migrations)
        self._glance = Glance(place, clock.tick)
        # What `find` finds, if that is known without waiting. Without a frame of its own.
        self.glance = self._glance.find
        self._reader = Reader(place, busy_ms)
        self.health = Health(self._probe, timing, changed)
        self._writer = Writer(
            place,
            loop,
            clock,
            POLICIES[settings.eviction],
            timing,
            finish=self._make_room,
            beat=lambda transaction: lease.beat(transaction, self.owner),
            reopened=reopened,
            faulted=self.health.write_failed,
        )

    async def open(self) -> None:
        """Make the file ready. One that cannot be is a bypass."""
        try:
            await self._writer.run(_move_in, self._timing.lease_patience)
        except StoreFault as error:
            self.health.write_failed(error.fault)

    # --- reading --------------------------------------------------------------------------------

    async def find(self, key: str) -> Row | None:
        """The row of an entry (`rows.FIND`), expired or not; None if there is none."""
        row = self.glance(key, self._clock.tick())
        if not isinstance(row, Later):
            return row
        found = await self._fetch(rows.FIND, (bytes.fromhex(key),))
        self._glance.open()
        return found[0] if found else None

    async def lease(self, key: str) -> Held | None:
        """Who is computing an answer, None if nobody is."""
        found = await self._fetch(lease.LOOK, (bytes.fromhex(key),))
        return Held(*found[0]) if found else None

    async def facts(self, fingerprint: Fingerprint, *, far: bool) -> Facts:
        """What bears on a lookup; `far` looks for relatives beyond those of equal content."""
        asked = (
            bytes.fromhex(fingerprint.key),
            rows.content_hash(fingerprint.content),
            fingerprint.kind,
            fingerprint.content,
        )
        found = await self._fetch(_FACTS, asked)
        facts = _facts_of(found)
        if far and not facts.relatives:
            found += await self._fetch(_FAR, (asked[0], fingerprint.kind))
            facts = _facts_of(found)
        return facts

    async def epoch(self) -> int | None:
        """Counts the purges and replacements by which memory anywhere is out of date.

        None while it cannot be told.
        """
        try:
            return int((await self._fetch("SELECT value FROM fact WHERE name = 'epoch'"))[0][0])
        except StoreFault:
            return None

    async def holdings(self) -> Holdings:
        """Entries and bytes per kind and model."""
        return {
            (str(kind), str(model)): (entries, size)
            for kind, model, entries, size in await self._fetch(
                "SELECT kind, model, entries, bytes FROM total WHERE entries > 0"
            )
        }

    async def last_miss(self) -> str | None:
        """The last miss any process wrote down, as JSON."""
        found = await self._fetch("SELECT value FROM fact WHERE name = 'last_miss'")
        return str(found[0][0]) if found else None

    async def read_apart(self, work: Callable[[ReadConnection], T]) -> T:
        """Whatever `work` reads, in a thread and connection of its own.

        The reader's is for lookups, which must not wait behind a listing or an export.
        """

        def read() -> T:
            generation = self._place.generation
            conn = ReadConnection(self._place, int(self._timing.store_patience * 1000))
            try:
                return work(conn)
            except (sqlite3.Error, StoreFault) as error:
                found = fault_of(error, self.path)
                self._place.found_damaged(generation, found)
                raise StoreFault(found) from error
            finally:
                conn.close()

        return await self._told(in_thread(read))

    async def page(self, kind: str | None, order: str, limit: int, offset: int) -> EntryPage:
        """A slice of the entries."""
        return await self.read_apart(lambda conn: rows.page(conn, kind, order, limit, offset))

    async def by_prefix(self, key_range: tuple[bytes, bytes]) -> Fingerprint | Tombstone | None:
        """The entry whose key is first in a range, else the tombstone there, else None."""
        found = await self._fetch(
            "SELECT key, kind, content, recipe FROM entry JOIN recipe ON hash = recipe_hash "
            "WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1",
            key_range,
        )
        if found:
            key, *texts = found[0]
            return Fingerprint(key.hex(), *texts)
        died = await self._fetch(
            "SELECT why, died_at FROM tombstone WHERE key BETWEEN ? AND ? LIMIT 1", key_range
        )
        return Tombstone(*died[0]) if died else None

    async def _fetch(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return await self._told(self._reader.fetch(sql, values))

    async def _told(self, reading: Awaitable[T]) -> T:
        try:
            return await reading
        except StoreFault as error:
            self.health.read_failed(error.fault)
            raise

    # --- writing --------------------------------------------------------------------------------

    def write(self, work: Callable[[Transaction], T]) -> asyncio.Future[T]:
        """Whatever `work` writes; resolves once it is committed."""
        return self._writer.run(work, self._timing.store_patience)

    async def _probe(self) -> None:
        """Raises StoreFault until the file can be used again, with room for an answer.

        One in which reading met damage, or whose layout is another, is set aside.
        """

        def work(transaction: Transaction) -> None:
            conn = transaction.conn
            self._place.check_damage()
            self._place.check_layout(conn)
            conn.execute("INSERT OR REPLACE INTO fact VALUES ('probe', zeroblob(65536))")

        await self._writer.run(work, self._timing.busy)
        await self.write(
            lambda transaction: transaction.conn.execute("DELETE FROM fact WHERE name = 'probe'")
        )
        await self._reader.fetch("SELECT value FROM fact WHERE name = 'epoch'")

    async def put(self, new: NewEntry, token: int | None = None) -> bool:
        """Store an answer and give back the lease it was computed under, in one commit.

        False if it had to make room for others at once.
        """
        key = bytes.fromhex(new.fingerprint.key)

        def work(transaction: Transaction) -> set[bytes]:
            rows.put(transaction, new)
            if token is not None:
                lease.release(transaction, key, token)
            return transaction.evicted

        return key not in await self.write(work)

    async def take_in(self, entries: Sequence[Imported]) -> tuple[int, int, int]:
        """Store entries from elsewhere: how many it took, had already, and found expired."""

        def work(transaction: Transaction) -> tuple[set[bytes], set[bytes], int, int]:
            now, here, expired = transaction.now, 0, 0
            taken: set[bytes] = set()
            for one in entries:
                key = bytes.fromhex(one.new.fingerprint.key)
                if one.expires_at is not None and one.expires_at <= now:
                    expired += 1
                    continue
                row = transaction.conn.execute(rows.FIND, (key,)).fetchone()
                if row is not None and (row[3] is None or row[3] > now):
                    here += 1
                    continue
                left = None if one.expires_at is None else one.expires_at - now
                rows.put(transaction, attrs.evolve(one.new, ttl=left))
                taken.add(key)
            return taken, transaction.evicted, here, expired

        taken, evicted, here, expired = await self.write(work)
        return len(taken - evicted), here, expired

    async def write_down(
        self, touches: Mapping[str, Touch], minutes: Sequence[MinuteTallies], last_miss: str | None
    ) -> bool:
        """Write what was buffered and do the upkeep that is due; whether it was committed."""
        if not self.health.writable:
            return False

        def work(transaction: Transaction) -> None:
            rows.touch(transaction, touches)
            rollup.add(transaction, minutes)
            if last_miss is not None:
                transaction.conn.execute(
                    "INSERT OR REPLACE INTO fact VALUES ('last_miss', ?)", (last_miss,)
                )
            lease.sweep(transaction)
            if minutes and minutes[-1].start != self._pruned_at:
                self._pruned_at = minutes[-1].start
                _prune(transaction)

        try:
            await self.write(work)
        except StoreFault as error:
            log.debug("Statistics are kept for later: %s", error.fault.reason)
            return False
        return True

    async def clear_expired(self) -> int:
        """Delete expired entries step by step, so that others may write in between."""
        cleared = 0
        while True:
            step = await self.write(_clear_some)
            cleared += step
            if step < rows.DELETE_STEP:
                return cleared

    async def remove(self, keys: Sequence[bytes], why: str) -> Purged:
        """Delete entries step by step. Every process forgets what it holds in memory."""
        entries = size = 0
        for at in range(0, len(keys), rows.DELETE_STEP):
            part = keys[at : at + rows.DELETE_STEP]

            def work(transaction: Transaction, part: Sequence[bytes] = part) -> tuple[int, int]:
                rows.forget_memory_everywhere(transaction)
                return rows.remove(transaction, part, why)

            removed, freed = await self.write(work)
            entries += removed
            size += freed
        return Purged(entries, size)

    async def shrink(self) -> None:
        """Give the pages that nothing is in back to the disk, step by step."""
        while await self.write(_shrink_some):
            pass

    def drop_damaged(self, key: str) -> asyncio.Future[tuple[int, int]]:
        """Delete an entry whose bytes do not match their digest."""
        return self.write(
            lambda transaction: rows.remove(transaction, [bytes.fromhex(key)], DAMAGED)
        )

    # --- leases ---------------------------------------------------------------------------------

    async def acquire(self, key: str, *, fresh: bool) -> Owned | Held | Ready:
        raw = bytes.fromhex(key)
        return await self._leased(
            lambda transaction: lease.acquire(transaction, raw, self.owner, fresh=fresh)
        )

    async def take_over(self, key: str, seen: Held) -> Owned | None:
        raw = bytes.fromhex(key)
        return await self._leased(
            lambda transaction: lease.take_over(transaction, raw, self.owner, seen)
        )

    async def _leased(self, work: Callable[[Transaction], T]) -> T:
        got = await self._writer.run(work, self._timing.lease_patience)
        if isinstance(got, Owned):
            self._leases += 1
            if self._leases == 1:
                self._writer.start_beating()
        return got

    def give_back(self, key: str, token: int, error: str | None) -> asyncio.Future[None]:
        """End a lease without an answer: waiters take over, or are told `error` (`lease.Held`)."""
        raw = bytes.fromhex(key)

        def work(transaction: Transaction) -> None:
            if error is None:
                lease.release(transaction, raw, token)
            else:
                lease.fail(transaction, raw, token, error)

        return self.write(work)

    def lease_ended(self) -> None:
        """One lease fewer to keep alive."""
        self._leases -= 1
        if self._leases == 0:
            self._writer.stop_beating()

    # --- upkeep ---------------------------------------------------------------------------------

    async def close(self, patience: float) -> None:
        """Finish what is queued and end both threads, waiting at most `patience` s for each."""
        self.health.stop()
        # The writer last: whoever closes last brings the WAL into the file, and of two that close
        # at once each takes the other for the one to do it.
        await asyncio.wait((asyncio.ensure_future(self._reader.close()),), timeout=patience)
        # After the reader, whose last answers may have opened it.
        self._glance.close()
        await asyncio.wait((self._writer.stop(),), timeout=patience)

    def _make_room(self, transaction: Transaction) -> None:
        if transaction.grew:
            rows.make_room(transaction, self._settings.max_bytes, self._settings.max_entries)


def _move_in(transaction: Transaction) -> None:
    lease.sweep_dead(transaction)
    # Ranks of one policy mean nothing to another.
    conn, policy = transaction.conn, transaction.policy
    row = conn.execute("SELECT value FROM fact WHERE name = 'policy'").fetchone()
    if row is not None and row[0] != policy.name:
        rank = policy.rank_sql.format(last_used_at="last_used_at", uses="uses")
        conn.execute(f"UPDATE entry SET rank = {rank}", {"inflation": 0.0})
        conn.execute("UPDATE fact SET value = 0.0 WHERE name = 'inflation'")
    if row is None or row[0] != policy.name:
        conn.execute("INSERT OR REPLACE INTO fact VALUES ('policy', ?)", (policy.name,))


def _clear_some(transaction: Transaction) -> int:
    found = transaction.conn.execute(
        f"SELECT key FROM entry WHERE expires_at <= ? LIMIT {rows.DELETE_STEP}", (transaction.now,)
    )
    return rows.remove(transaction, [key for (key,) in found], EXPIRED)[0]


def _shrink_some(transaction: Transaction) -> bool:
    conn = transaction.conn
    before = conn.execute("PRAGMA freelist_count").fetchone()[0]
    conn.execute(f"PRAGMA incremental_vacuum({_SHRINK_STEP})").fetchall()
    left = conn.execute("PRAGMA freelist_count").fetchone()[0]
    # A file that was made without auto_vacuum never gets shorter.
    return bool(0 < left < before)


def _prune(transaction: Transaction) -> None:
    rollup.prune(transaction)
    conn = transaction.conn
    spare = conn.execute("SELECT count(*) FROM tombstone").fetchone()[0] - _TOMBSTONES
    if spare > 0:
        conn.execute(
            "DELETE FROM tombstone WHERE key IN "
            "(SELECT key FROM tombstone ORDER BY died_at LIMIT ?)",
            (spare,),
        )


# One statement, so that it is one hop.
_FACTS = f"""
SELECT 'entry', expires_at, NULL, NULL FROM entry WHERE key = ?1
UNION ALL SELECT 'tombstone', why, died_at, NULL FROM tombstone WHERE key = ?1
UNION ALL SELECT * FROM (
    SELECT 'relative', key, content, recipe FROM entry JOIN recipe ON hash = recipe_hash
    WHERE content_hash = ?2 AND kind = ?3 AND key <> ?1 AND content = ?4
    ORDER BY id DESC LIMIT {_RELATIVES})
"""
_FAR = f"""
SELECT 'relative', key, content, recipe
FROM (SELECT * FROM entry ORDER BY id DESC LIMIT {_RECENT}) JOIN recipe ON hash = recipe_hash
WHERE key <> ?1 AND kind = ?2
"""


def _facts_of(found: Sequence[Row]) -> Facts:
    stored = [row for row in found if row[0] == "entry"]
    died = [row for row in found if row[0] == "tombstone"]
    return Facts(
        stored=bool(stored),
        expires_at=stored[0][1] if stored else None,
        tombstone=Tombstone(died[0][1], died[0][2]) if died else None,
        relatives=tuple(
            Relative(key.hex(), content, recipe)
            for what, key, content, recipe in found
            if what == "relative"
        ),
    )
