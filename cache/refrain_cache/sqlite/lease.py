"""One engine run between processes: a row says who is computing, a beat says that it lives.

A beat is a count, not a time: a waiter measures with its own monotonic clock how long the count has
stood still, so no jump of any wall clock can make a lease eternal or a live owner dead.
"""

from __future__ import annotations

import secrets
import socket
import sqlite3
from typing import Any

import psutil
from attrs import frozen

from refrain_cache.sqlite.rows import FIND
from refrain_cache.sqlite.writer import Transaction

# Waiters look ten times a second; a machine under load may hold one up for seconds.
_FAILURE_SHOWN_S = 10.0
# Its row is what Held is made of.
LOOK = "SELECT owner, token, beat, error FROM lease WHERE key = ?"


def owner_name() -> str:
    """Who holds a lease: `host/pid/start of the process/nonce`."""
    process = psutil.Process()
    return (
        f"{socket.gethostname()}/{process.pid}/{process.create_time():.2f}/{secrets.token_hex(4)}"
    )


@frozen
class Owned:
    """The lease is ours."""

    token: int


@frozen
class Held:
    """Another process is computing. `error` is set when it failed."""

    owner: str
    token: int
    beat: int
    error: str | None


@frozen
class Ready:
    """The answer has been stored meanwhile; `row` is what `rows.FIND` reads."""

    row: tuple[Any, ...]


def acquire(
    transaction: Transaction, key: bytes, owner: str, *, fresh: bool
) -> Owned | Held | Ready:
    """Take the lease unless the answer is there (and no `fresh` one is asked for) or it is held.

    A lease whose owner failed, or has died on this machine, is free.
    """
    conn = transaction.conn
    if not fresh:
        row = conn.execute(FIND, (key,)).fetchone()
        if row is not None and (row[3] is None or row[3] > transaction.now):
            return Ready(row)
    held = look(conn, key)
    if held is not None and held.error is None and not is_dead(held.owner):
        return held
    return Owned(_write(conn, key, owner))


def take_over(transaction: Transaction, key: bytes, owner: str, seen: Held) -> Owned | None:
    """Take a lease whose beat has stood still since `seen`.

    None if anything has changed after all: an owner may fail and end between two looks.
    """
    held = look(transaction.conn, key)
    if held is not None and held != seen:
        return None
    return Owned(_write(transaction.conn, key, owner))


def release(transaction: Transaction, key: bytes, token: int) -> None:
    """Give the lease back; waiters go on."""
    transaction.conn.execute("DELETE FROM lease WHERE key = ? AND token = ?", (key, token))


def fail(transaction: Transaction, key: bytes, token: int, error: str) -> None:
    """Tell waiters that computing failed. The row is free for the next caller at once."""
    transaction.conn.execute(
        "UPDATE lease SET error = ?, failed_at = ? WHERE key = ? AND token = ?",
        (error, transaction.now, key, token),
    )


def beat(transaction: Transaction, owner: str) -> None:
    """Show that this process lives."""
    transaction.conn.execute("UPDATE lease SET beat = beat + 1 WHERE owner = ?", (owner,))


def sweep(transaction: Transaction) -> None:
    """Drop the leases that failed long enough ago for every waiter to have seen it."""
    transaction.conn.execute(
        "DELETE FROM lease WHERE abs(? - failed_at) > ?", (transaction.now, _FAILURE_SHOWN_S)
    )


def sweep_dead(transaction: Transaction) -> None:
    """Drop what processes of this machine left behind when they died."""
    for key, owner in transaction.conn.execute("SELECT key, owner FROM lease").fetchall():
        if is_dead(owner):
            transaction.conn.execute("DELETE FROM lease WHERE key = ?", (key,))


def look(conn: sqlite3.Connection, key: bytes) -> Held | None:
    row = conn.execute(LOOK, (key,)).fetchone()
    return Held(*row) if row is not None else None


def is_dead(owner: str) -> bool:
    """Whether the owner was a process of this machine that has ended."""
    host, pid, started, _ = owner.rsplit("/", 3)
    if host != socket.gethostname():
        return False
    try:
        # A process with the same number that began at another moment is another process.
        return abs(psutil.Process(int(pid)).create_time() - float(started)) > 2.0
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _write(conn: sqlite3.Connection, key: bytes, owner: str) -> int:
    token = secrets.randbits(62)
    conn.execute(
        "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, 0, NULL, NULL)", (key, owner, token)
    )
    return token
