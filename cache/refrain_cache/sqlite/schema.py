"""The file's layout, one migration a version, from the first on."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Mapping, Sequence

from attrs import frozen

# "RFRN": tells our file from another program's SQLite database.
APPLICATION_ID = 0x5246524E


@frozen
class Migration:
    """Brings a file from `version - 1` to `version` in one transaction."""

    version: int
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        (
            # One question's answer. `rank` is the eviction policy's: the lowest goes first.
            """CREATE TABLE entry (
                id INTEGER PRIMARY KEY,
                key BLOB NOT NULL UNIQUE,
                kind TEXT NOT NULL,
                model TEXT NOT NULL,
                label TEXT NOT NULL,
                content TEXT NOT NULL,
                content_hash INTEGER NOT NULL,
                recipe_hash BLOB NOT NULL,
                packed INTEGER NOT NULL,
                digest BLOB NOT NULL,
                bytes INTEGER NOT NULL,
                created_at REAL NOT NULL,
                last_used_at REAL NOT NULL,
                expires_at REAL,
                uses INTEGER NOT NULL,
                cost_ms REAL NOT NULL,
                saved_ms REAL NOT NULL,
                rank REAL NOT NULL,
                value BLOB NOT NULL
            )""",
            "CREATE INDEX entry_rank ON entry (rank)",
            "CREATE INDEX entry_expiry ON entry (expires_at) WHERE expires_at IS NOT NULL",
            "CREATE INDEX entry_content ON entry (content_hash)",
            # Params and identity are the same for thousands of entries: kept once each.
            "CREATE TABLE recipe (hash BLOB PRIMARY KEY, recipe TEXT NOT NULL) WITHOUT ROWID",
            # Kept as entries come and go, so that reading the totals costs the same at any size.
            # Arrivals are added once a transaction (`rows.settle`), the rest by triggers.
            """CREATE TABLE total (
                kind TEXT NOT NULL, model TEXT NOT NULL,
                entries INTEGER NOT NULL, bytes INTEGER NOT NULL,
                PRIMARY KEY (kind, model)
            ) WITHOUT ROWID""",
            """CREATE TRIGGER entry_removed AFTER DELETE ON entry BEGIN
                UPDATE total SET entries = entries - 1, bytes = bytes - old.bytes
                WHERE kind = old.kind AND model = old.model;
            END""",
            """CREATE TRIGGER entry_resized AFTER UPDATE OF bytes, model ON entry BEGIN
                UPDATE total SET entries = entries - 1, bytes = bytes - old.bytes
                WHERE kind = old.kind AND model = old.model;
                INSERT INTO total VALUES (new.kind, new.model, 1, new.bytes)
                ON CONFLICT DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
            END""",
            # A new epoch tells every process to forget what it holds in memory.
            """CREATE TRIGGER entry_changed AFTER UPDATE OF digest ON entry
            WHEN old.digest <> new.digest
                AND (old.expires_at IS NULL OR old.expires_at > new.created_at)
            BEGIN
                UPDATE fact SET value = value + 1 WHERE name = 'epoch';
            END""",
            # Why an entry that was here is no longer: lets a miss say so.
            """CREATE TABLE tombstone (
                key BLOB PRIMARY KEY, why TEXT NOT NULL, died_at REAL NOT NULL,
                uses INTEGER NOT NULL
            ) WITHOUT ROWID""",
            "CREATE INDEX tombstone_age ON tombstone (died_at)",
            # Who is computing what. `beat` counts up while the owner lives; `error` and
            # `failed_at` are set when it failed.
            """CREATE TABLE lease (
                key BLOB PRIMARY KEY, owner TEXT NOT NULL, token INTEGER NOT NULL,
                beat INTEGER NOT NULL, error TEXT, failed_at REAL
            ) WITHOUT ROWID""",
            # Counts and latency buckets per span of `grain` seconds from `start`; grain 0 is all
            # time. Every process adds to the same rows.
            """CREATE TABLE tally (
                grain INTEGER NOT NULL, start INTEGER NOT NULL,
                kind TEXT NOT NULL, model TEXT NOT NULL, name TEXT NOT NULL, n REAL NOT NULL,
                PRIMARY KEY (grain, start, kind, model, name)
            ) WITHOUT ROWID""",
            """CREATE TABLE latency (
                grain INTEGER NOT NULL, start INTEGER NOT NULL,
                kind TEXT NOT NULL, model TEXT NOT NULL, series TEXT NOT NULL,
                bucket INTEGER NOT NULL, n INTEGER NOT NULL,
                PRIMARY KEY (grain, start, kind, model, series, bucket)
            ) WITHOUT ROWID""",
            # Single facts: inflation, epoch, policy, begun_at, last_miss.
            "CREATE TABLE fact (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
            "INSERT INTO fact VALUES ('inflation', 0.0), ('epoch', 0)",
            "INSERT INTO fact VALUES ('begun_at', (julianday('now') - 2440587.5) * 86400.0)",
        ),
    ),
    Migration(
        2,
        (
            # Ingredients hold parameters in plain: they go with the last entry that needs them.
            "CREATE INDEX entry_recipe ON entry (recipe_hash)",
            """CREATE TRIGGER recipe_unused AFTER DELETE ON entry
            WHEN NOT EXISTS (SELECT 1 FROM entry WHERE recipe_hash = old.recipe_hash)
            BEGIN
                DELETE FROM recipe WHERE hash = old.recipe_hash;
            END""",
            "DELETE FROM recipe WHERE hash NOT IN (SELECT recipe_hash FROM entry)",
        ),
    ),
)
SCHEMA_VERSION = MIGRATIONS[-1].version


def user_version(conn: sqlite3.Connection) -> int:
    """The version the file is at: 0 for a fresh one."""
    return int(conn.execute("PRAGMA user_version").fetchone()[0])


def is_foreign(conn: sqlite3.Connection) -> bool:
    """Whether the file is another program's: it has tables and not our mark."""
    if conn.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
        return False
    return bool(conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def migrate(conn: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the file up to date, all or nothing. Another process may be doing the same."""
    if user_version(conn) >= migrations[-1].version:
        return
    conn.execute("BEGIN EXCLUSIVE")
    try:
        at = user_version(conn)
        for migration in migrations:
            if migration.version > at:
                for statement in migration.statements:
                    conn.execute(statement)
        conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        conn.execute(f"PRAGMA user_version = {migrations[-1].version}")
        conn.execute("COMMIT")
    except BaseException:
        conn.execute("ROLLBACK")
        raise


def layout_problem(conn: sqlite3.Connection, migrations: Sequence[Migration]) -> str | None:
    """What of the layout that `migrations` make is missing or different; None if it is all there.

    What is there beside it (an index somebody added) does no harm.
    """
    found = _layout(conn)
    for name, wanted in _wanted(tuple(migrations)).items():
        if name not in found:
            return f"it has no {name}"
        if found[name] != wanted:
            return f"its {name} is another"
    return None


@functools.cache
def _wanted(migrations: tuple[Migration, ...]) -> Mapping[str, str]:
    conn = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(conn, migrations)
        return _layout(conn)
    finally:
        conn.close()


def _layout(conn: sqlite3.Connection) -> dict[str, str]:
    # SQLite keeps statements as they were written; blanks mean nothing.
    return {
        f"{kind} {name}": " ".join(sql.split())
        for kind, name, sql in conn.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        )
    }
