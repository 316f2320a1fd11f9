"""Entries as rows: read, put, touched, buried, and room made for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from refrain_cache.accounts.books import Touch
from refrain_cache.accounts.explain import EVICTED, EXPIRED
from refrain_cache.entry import Entry, EntryPage, NewEntry
from refrain_cache.sqlite.reader import ReadConnection
from refrain_cache.sqlite.writer import Transaction

# Evicting looks at this many candidates at a time: one new entry seldom displaces more.
_EVICT_STEP = 32
# A key is a SHA-256.
_KEY_BYTES = 32
# So that others may write in between; SQLite's limit on variables was 999 for long.
DELETE_STEP = 500

FIND = "SELECT value, packed, digest, expires_at, cost_ms, model FROM entry WHERE key = ?"
_ADD = """
INSERT INTO entry (key, kind, model, label, content, content_hash, recipe_hash, packed, digest,
    bytes, created_at, last_used_at, expires_at, uses, cost_ms, saved_ms, rank, value)
VALUES (:key, :kind, :model, :label, :content, :content_hash, :recipe_hash, :packed, :digest,
    :bytes, :now, :now, :expires_at, 1, :cost_ms, 0.0, :rank, :value)
ON CONFLICT (key) DO NOTHING
"""
# Ranked as used once: its uses count again with the next touch.
_REPLACE = """
UPDATE entry SET model = :model, label = :label, packed = :packed, digest = :digest, bytes = :bytes,
    created_at = :now, last_used_at = :now, expires_at = :expires_at, cost_ms = :cost_ms,
    rank = :rank, value = :value
WHERE key = :key
"""
_DOOMED = "SELECT key, bytes, uses, rank FROM entry"
_EXPIRED_FIRST = f"{_DOOMED} WHERE expires_at <= ? LIMIT {_EVICT_STEP}"
_LOWEST_FIRST = f"{_DOOMED} ORDER BY rank, id LIMIT {_EVICT_STEP}"
_COLUMNS = (
    "key, kind, model, label, bytes, created_at, last_used_at, expires_at, uses, cost_ms, saved_ms"
)


def content_hash(content: str) -> int:
    """A short hash by which relatives (same content, other recipe) find each other."""
    digest = blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def recipe_hash(recipe: str) -> bytes:
    return blake2b(recipe.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def put(transaction: Transaction, new: NewEntry) -> None:
    """Store one answer, replacing what was there."""
    conn, now, printed, encoded = transaction.conn, transaction.now, new.fingerprint, new.encoded
    recipe = transaction.recipes.get(printed.recipe)
    if recipe is None:
        recipe = transaction.recipes[printed.recipe] = recipe_hash(printed.recipe)
        conn.execute("INSERT OR IGNORE INTO recipe VALUES (?, ?)", (recipe, printed.recipe))
    row = {
        "key": bytes.fromhex(printed.key),
        "kind": printed.kind,
        "model": new.model,
        "label": new.label,
        "content": printed.content,
        "content_hash": content_hash(printed.content),
        "recipe_hash": recipe,
        "packed": encoded.packed,
        "digest": encoded.digest,
        "bytes": new.bytes,
        "now": now,
        "expires_at": None if new.ttl is None else now + new.ttl,
        "cost_ms": new.cost_ms,
        "rank": transaction.policy.rank(transaction.inflation, now, 1, new.cost_ms, new.bytes),
        "value": encoded.data,
    }
    if conn.execute(_ADD, row).rowcount:
        group = (printed.kind, new.model)
        entries, held = transaction.arrived.get(group, (0, 0))
        transaction.arrived[group] = (entries + 1, held + new.bytes)
    else:
        conn.execute(_REPLACE, row)
    transaction.grew = True


def settle(transaction: Transaction) -> None:
    """Add what arrived in this transaction to the totals."""
    transaction.conn.executemany(
        "INSERT INTO total VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET entries = entries + excluded.entries, bytes = bytes + excluded.bytes",
        ((*group, *held) for group, held in transaction.arrived.items()),
    )
    transaction.arrived.clear()


def touch(transaction: Transaction, touches: Mapping[str, Touch]) -> None:
    """Count hits towards the entries' uses and their eviction rank."""
    if not touches:
        return
    # One statement for all of them: between two rows this thread would wait for the one that is
    # answering lookups.
    rank = transaction.policy.rank_sql.format(
        last_used_at="max(last_used_at, seen.at)", uses="(entry.uses + seen.n)"
    )
    transaction.conn.execute(
        f"""
        UPDATE entry SET uses = entry.uses + seen.n, last_used_at = max(last_used_at, seen.at),
            saved_ms = saved_ms + seen.ms, rank = {rank}
        FROM (
            SELECT substr(:keys, {_KEY_BYTES} * key + 1, {_KEY_BYTES}) AS touched,
                json_extract(value, '$[0]') AS n, json_extract(value, '$[1]') AS at,
                json_extract(value, '$[2]') AS ms
            FROM json_each(:seen)
        ) AS seen WHERE entry.key = seen.touched
        """,
        {
            "keys": bytes.fromhex("".join(touches)),
            "seen": json.dumps([(t.uses, t.last_used_at, t.saved_ms) for t in touches.values()]),
            "inflation": transaction.inflation,
        },
    )


def remove(transaction: Transaction, keys: Sequence[bytes], why: str) -> tuple[int, int]:
    """Delete up to DELETE_STEP entries, leaving tombstones that say why.

    Returns how many and their bytes.
    """
    settle(transaction)
    # What goes with them may be a recipe that this transaction has added.
    transaction.recipes.clear()
    gone = transaction.conn.execute(
        f"DELETE FROM entry WHERE key IN ({','.join('?' * len(keys))}) RETURNING key, bytes, uses",
        keys,
    ).fetchall()
    bury(transaction, ((key, uses) for key, _, uses in gone), why)
    return len(gone), sum(size for _, size, _ in gone)


def bury(transaction: Transaction, dead: Iterable[tuple[bytes, int]], why: str) -> None:
    """Note why entries went."""
    transaction.conn.executemany(
        "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?)",
        ((key, why, transaction.now, uses) for key, uses in dead),
    )


def forget_memory_everywhere(transaction: Transaction) -> None:
    """Start a new epoch: every process drops what it holds in memory."""
    transaction.conn.execute("UPDATE fact SET value = value + 1 WHERE name = 'epoch'")


def make_room(transaction: Transaction, max_bytes: int, max_entries: int | None) -> None:
    """Evict until both limits hold, expired entries first; `transaction.evicted` tells which."""
    settle(transaction)
    conn = transaction.conn
    # In time that does not depend on how many entries there are.
    entries, size = conn.execute("SELECT total(entries), total(bytes) FROM total").fetchone()
    spare_entries = (max_entries - entries) if max_entries is not None else 0
    spare_bytes = max_bytes - size
    while spare_bytes < 0 or spare_entries < 0:
        doomed: list[tuple[bytes, int]] = []
        why, rows = EXPIRED, conn.execute(_EXPIRED_FIRST, (transaction.now,)).fetchall()
        if not rows:
            why, rows = EVICTED, conn.execute(_LOWEST_FIRST).fetchall()
        if not rows:
            break
        for key, bytes_, uses, rank in rows:
            if spare_bytes >= 0 and spare_entries >= 0:
                break
            doomed.append((key, uses))
            spare_bytes += bytes_
            spare_entries += 1
            if why == EVICTED and transaction.policy.inflates:
                transaction.inflation = max(transaction.inflation, rank)
        conn.executemany("DELETE FROM entry WHERE key = ?", ((key,) for key, _ in doomed))
        bury(transaction, doomed, why)
        transaction.evicted.update(key for key, _ in doomed)
    if transaction.evicted and transaction.policy.inflates:
        conn.execute("UPDATE fact SET value = ? WHERE name = 'inflation'", (transaction.inflation,))


_ORDERS = {
    "recent": "last_used_at DESC",
    "created": "created_at DESC",
    "used": "uses DESC, last_used_at DESC",
    "size": "bytes DESC",
    "cost": "cost_ms DESC",
}


def page(conn: ReadConnection, kind: str | None, order: str, limit: int, offset: int) -> EntryPage:
    """A slice of the entries of `kind` (None: of all)."""
    where, values = ("WHERE kind = ?", [kind]) if kind is not None else ("", [])
    ((total,),) = conn.execute(f"SELECT total(entries) FROM total {where}", values)
    found = conn.execute(
        f"SELECT {_COLUMNS} FROM entry {where} ORDER BY {_ORDERS[order]}, id LIMIT ? OFFSET ?",
        [*values, limit, offset],
    )
    return EntryPage(int(total), tuple(Entry(key.hex(), *rest) for key, *rest in found))
