"""The SQLite tier: what a cache asks of its file, as awaitables that raise StoreFault."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

from refrain_cache import lease, rollup, rows
from refrain_cache.clock import Clock
from refrain_cache.counters import MinuteTallies
from refrain_cache.entry import EntryPage, Purged
from refrain_cache.eviction import POLICIES
from refrain_cache.explain import DAMAGED, EXPIRED, Facts, Relative, Tombstone
from refrain_cache.faults import Fault, StoreFault, fault_of
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.lease import Held, Owned, Ready
from refrain_cache.place import Place
from refrain_cache.portable import Imported
from refrain_cache.reader import Reader, Row
from refrain_cache.rows import NewEntry, Touch
from refrain_cache.schema import MIGRATIONS, Migration
from refrain_cache.settings import CacheSettings
from refrain_cache.stats import Holdings
from refrain_cache.timing import Timing
from refrain_cache.writer import Transaction, Writer

T = TypeVar("T")

# Tombstones explain misses; this many cost about a megabyte.
_TOMBSTONES = 10_000
_CLEAR_STEP = 500
_RELATIVES = 20
# How far back to look for a relative that shares less than its content.
_RECENT = 200


class Store:
    """One file for one event loop: a reading and a writing thread over it."""

    def __init__(
        self,
        path: Path,
        settings: CacheSettings,
        clock: Clock,
        timing: Timing,
        *,
        reopened: Callable[[], None],
        faulted: Callable[[Fault], None],
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        self.path = path
        self.owner = lease.owner_name()
        self._settings = settings
        self._clock = clock
        self._timing = timing
        self._leases = 0
        loop = asyncio.get_running_loop()
        busy_ms = int(timing.busy * 1000)
        place = self._place = Place(path, migrations)
        self._reader = Reader(place, loop, busy_ms)
        self._writer = Writer(
            place,
            loop,
            clock,
            POLICIES[settings.eviction],
            busy_ms=busy_ms,
            beat_every=timing.beat,
            finish=self._make_room,
            beat=lambda transaction: lease.beat(transaction, self.owner),
            reopened=reopened,
            faulted=faulted,
        )

    # --- reading --------------------------------------------------------------------------------

    def find(self, key: str) -> asyncio.Future[list[Row]]:
        """The row of an entry (`rows.FIND`), expired or not; empty if there is none."""
        return self._reader.fetch(rows.FIND, (bytes.fromhex(key),))

    def read(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Whatever `work` reads."""
        return self._reader.run(work)

    async def read_apart(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Whatever `work` reads at length, in a thread and connection of its own.

        The reading thread is for lookups, which must not wait behind an export.
        """

        def read() -> T:
            conn = self._place.connect_reader(int(self._timing.store_patience * 1000))
            try:
                return work(conn)
            except sqlite3.Error as error:
                raise StoreFault(fault_of(error, self.path)) from error
            finally:
                conn.close()

        return await asyncio.to_thread(read)

    def facts(self, fingerprint: Fingerprint, *, far: bool) -> asyncio.Future[Facts]:
        """What bears on a lookup; `far` looks for relatives beyond those of equal content."""
        return self._reader.run(lambda conn: _facts(conn, fingerprint, far=far))

    def epoch(self) -> asyncio.Future[list[Row]]:
        return self._reader.fetch("SELECT value FROM fact WHERE name = 'epoch'")

    def holdings(self) -> asyncio.Future[Holdings]:
        """Entries and bytes per kind and model."""
        return self._reader.run(
            lambda conn: {
                (kind, model): (entries, size)
                for kind, model, entries, size in conn.execute(
                    "SELECT kind, model, entries, bytes FROM total WHERE entries > 0"
                )
            }
        )

    def page(
        self, kind: str | None, order: str, limit: int, offset: int
    ) -> asyncio.Future[EntryPage]:
        def read(conn: sqlite3.Connection) -> EntryPage:
            total, entries = rows.page(conn, kind, order, limit, offset)
            return EntryPage(total, tuple(entries))

        return self._reader.run(read)

    def by_prefix(
        self, key_range: tuple[bytes, bytes]
    ) -> asyncio.Future[Fingerprint | Tombstone | None]:
        """The entry whose key is first in a range, else the tombstone there, else None."""

        def read(conn: sqlite3.Connection) -> Fingerprint | Tombstone | None:
            row = conn.execute(
                "SELECT key, kind, content, recipe FROM entry JOIN recipe ON hash = recipe_hash "
                "WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1",
                key_range,
            ).fetchone()
            if row is not None:
                return Fingerprint(row[0].hex(), *row[1:])
            died = conn.execute(
                "SELECT why, died_at FROM tombstone WHERE key BETWEEN ? AND ? LIMIT 1", key_range
            ).fetchone()
            return Tombstone(*died) if died is not None else None

        return self._reader.run(read)

    def last_miss(self) -> asyncio.Future[str | None]:
        """The last miss any process wrote down, as JSON."""

        def read(conn: sqlite3.Connection) -> str | None:
            row = conn.execute("SELECT value FROM fact WHERE name = 'last_miss'").fetchone()
            return str(row[0]) if row is not None else None

        return self._reader.run(read)

    def watch(self, key: str) -> asyncio.Future[tuple[Row | None, Held | None]]:
        """What a waiter wants to know: the entry's row and its lease."""
        raw = bytes.fromhex(key)
        return self._reader.run(
            lambda conn: (conn.execute(rows.FIND, (raw,)).fetchone(), lease.look(conn, raw))
        )

    # --- writing --------------------------------------------------------------------------------

    def write(self, work: Callable[[Transaction], T]) -> asyncio.Future[T]:
        """Whatever `work` writes; resolves once it is committed."""
        return self._writer.run(work, self._timing.store_patience)

    def open(self) -> asyncio.Future[None]:
        """Make the file ready; the future raises StoreFault if it cannot be."""
        return self._writer.run(_move_in, self._timing.lease_patience)

    def probe(self) -> asyncio.Future[None]:
        """Whether the file can be written again, with room for an answer."""

        def work(transaction: Transaction) -> None:
            conn = transaction.conn
            conn.execute("INSERT OR REPLACE INTO fact VALUES ('probe', zeroblob(65536))")

        return self._writer.run(work, self._timing.busy)

    def unprobe(self) -> asyncio.Future[None]:
        def work(transaction: Transaction) -> None:
            transaction.conn.execute("DELETE FROM fact WHERE name = 'probe'")

        return self._writer.run(work, self._timing.store_patience)

    def put(self, new: NewEntry, token: int | None = None) -> asyncio.Future[None]:
        """Store an answer and give back the lease it was computed under, in one commit."""

        def work(transaction: Transaction) -> None:
            rows.put(transaction, new)
            if token is not None:
                lease.release(transaction, bytes.fromhex(new.print.key), token)

        return self._writer.run(work, self._timing.store_patience)

    def take_in(self, entries: Sequence[Imported]) -> asyncio.Future[int]:
        """Store entries from elsewhere, unless they are here or have expired; how many it took."""

        def work(transaction: Transaction) -> int:
            now, taken = transaction.now, 0
            for one in entries:
                key = bytes.fromhex(one.new.print.key)
                if one.expires_at is not None and one.expires_at <= now:
                    continue
                row = transaction.conn.execute(rows.FIND, (key,)).fetchone()
                if row is not None and (row[3] is None or row[3] > now):
                    continue
                left = None if one.expires_at is None else one.expires_at - now
                rows.put(transaction, attrs.evolve(one.new, ttl=left))
                taken += 1
            return taken

        return self.write(work)

    def flush(
        self, touches: Mapping[str, Touch], minutes: Sequence[MinuteTallies], last_miss: str | None
    ) -> asyncio.Future[None]:
        """Write what was buffered, and do the small upkeep that is due."""

        def work(transaction: Transaction) -> None:
            rows.touch(transaction, touches)
            rollup.add(transaction, minutes)
            if last_miss is not None:
                transaction.conn.execute(
                    "INSERT OR REPLACE INTO fact VALUES ('last_miss', ?)", (last_miss,)
                )
            lease.sweep(transaction)
            _prune(transaction)

        return self._writer.run(work, self._timing.store_patience)

    async def clear_expired(self) -> int:
        """Delete expired entries step by step, so that others may write in between."""
        cleared = 0
        while True:
            step = await self.write(_clear_some)
            cleared += step
            if step < _CLEAR_STEP:
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

    def drop_damaged(self, key: str) -> asyncio.Future[tuple[int, int]]:
        """Delete an entry whose bytes do not match their digest."""
        return self.write(
            lambda transaction: rows.remove(transaction, [bytes.fromhex(key)], DAMAGED)
        )

    # --- leases ---------------------------------------------------------------------------------

    async def acquire(self, key: str, *, fresh: bool) -> Owned | Held | Ready:
        raw = bytes.fromhex(key)
        got = await self._writer.run(
            lambda transaction: lease.acquire(transaction, raw, self.owner, fresh=fresh),
            self._timing.lease_patience,
        )
        if isinstance(got, Owned):
            self._lease_taken()
        return got

    async def take_over(self, key: str, seen: Held) -> Owned | None:
        raw = bytes.fromhex(key)
        got = await self._writer.run(
            lambda transaction: lease.take_over(transaction, raw, self.owner, seen),
            self._timing.lease_patience,
        )
        if got is not None:
            self._lease_taken()
        return got

    def give_back(self, key: str, token: int, error: str | None) -> asyncio.Future[None]:
        """End a lease without an answer: waiters take over, or get `error`."""
        raw = bytes.fromhex(key)

        def work(transaction: Transaction) -> None:
            if error is None:
                lease.release(transaction, raw, token)
            else:
                lease.fail(transaction, raw, token, error)

        return self._writer.run(work, self._timing.store_patience)

    def _lease_taken(self) -> None:
        self._leases += 1
        if self._leases == 1:
            self._writer.start_beating()

    def lease_ended(self) -> None:
        """One lease fewer to keep alive."""
        self._leases -= 1
        if self._leases == 0:
            self._writer.stop_beating()

    # --- upkeep ---------------------------------------------------------------------------------

    async def close(self, patience: float) -> None:
        """Finish what is queued and end both threads, waiting at most `patience` seconds."""
        for thread in (self._writer.stop(), self._reader.stop()):
            await asyncio.to_thread(thread.join, patience)

    def _make_room(self, transaction: Transaction) -> None:
        if transaction.grew:
            rows.make_room(transaction, self._settings.max_bytes, self._settings.max_entries)


def _move_in(transaction: Transaction) -> None:
    lease.sweep_dead(transaction)
    # Ranks of one policy mean nothing to another.
    conn, policy = transaction.conn, transaction.policy
    row = conn.execute("SELECT value FROM fact WHERE name = 'policy'").fetchone()
    if row is not None and row[0] != policy.name:
        conn.create_function("policy_rank", 4, lambda *seen: policy.rank(0.0, *seen))
        conn.execute("UPDATE entry SET rank = policy_rank(last_used_at, uses, cost_ms, bytes)")
        conn.execute("UPDATE fact SET value = 0.0 WHERE name = 'inflation'")
    if row is None or row[0] != policy.name:
        conn.execute("INSERT OR REPLACE INTO fact VALUES ('policy', ?)", (policy.name,))


def _clear_some(transaction: Transaction) -> int:
    keys = [
        row[0]
        for row in transaction.conn.execute(
            "SELECT key FROM entry WHERE expires_at <= ? LIMIT ?", (transaction.now, _CLEAR_STEP)
        )
    ]
    return rows.remove(transaction, keys, EXPIRED)[0]


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


def _facts(conn: sqlite3.Connection, fingerprint: Fingerprint, *, far: bool) -> Facts:
    key = bytes.fromhex(fingerprint.key)
    row = conn.execute("SELECT expires_at FROM entry WHERE key = ?", (key,)).fetchone()
    died = conn.execute("SELECT why, died_at FROM tombstone WHERE key = ?", (key,)).fetchone()
    found: list[tuple[Any, ...]] = conn.execute(
        "SELECT key, content, recipe FROM entry JOIN recipe ON hash = recipe_hash "
        "WHERE content_hash = ? AND kind = ? AND key <> ? AND content = ? ORDER BY id DESC LIMIT ?",
        (
            rows.content_hash(fingerprint.content),
            fingerprint.kind,
            key,
            fingerprint.content,
            _RELATIVES,
        ),
    ).fetchall()
    if far and not found:
        found = conn.execute(
            "SELECT key, content, recipe FROM "
            "(SELECT * FROM entry ORDER BY id DESC LIMIT ?) JOIN recipe ON hash = recipe_hash "
            "WHERE kind = ? AND key <> ?",
            (_RECENT, fingerprint.kind, key),
        ).fetchall()
    return Facts(
        stored=row is not None,
        expires_at=row[0] if row is not None else None,
        tombstone=Tombstone(*died) if died is not None else None,
        relatives=tuple(Relative(k.hex(), content, recipe) for k, content, recipe in found),
    )
