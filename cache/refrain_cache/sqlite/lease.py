"""One engine run between processes: a row says who is computing, a beat says that it lives.

A beat is a count, not a time: a waiter measures with its own monotonic clock how long the count has
stood still, so no jump of any wall clock can make a lease eternal or a live owner dead.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
from pathlib import Path
from typing import Any

import psutil
from attrs import frozen

from refrain_cache.sqlite.rows import FIND
from refrain_cache.sqlite.writer import Transaction

# Waiters look ten times a second; a machine under load may hold one up for seconds.
_FAILURE_SHOWN_S = 10.0
# Its row is what Held is made of.
LOOK = "SELECT owner, token, beat, error FROM lease WHERE key = ?"


# Stands where an error would: the answer was given, but cannot be kept, so waiting for another is
# in vain.
NOT_KEPT = "not kept"


def owner_name() -> str:
    """Who holds a lease: `where it can be seen/process/its start/nonce`."""
    pid = os.getpid()
    return f"{_realm()}/{pid}/{_start_of(pid)}/{secrets.token_hex(4)}"


def _realm() -> str:
    """Within it a process number means one process: a boot of a machine, a namespace of numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _start_of(pid: int) -> str | None:
    """When a process began, in words that no change of the wall clock changes.

    None if that cannot be seen. Raises psutil.NoSuchProcess.
    """
    if not psutil.pid_exists(pid):
        raise psutil.NoSuchProcess(pid)
    try:
        # Ticks since boot (proc_pid_stat(5), field 22); the name in field 2 may hold blanks.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        pass
    try:
        # Elsewhere the system notes the moment itself.
        return None if Path("/proc/self").exists() else f"{psutil.Process(pid).create_time():.0f}"
    except psutil.AccessDenied:
        return None


@frozen
class Owned:
    """The lease is ours."""

    token: int


@frozen
class Held:
    """Another process is computing. `error`: the type of what it failed with, or NOT_KEPT."""

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

    A lease whose owner failed, or has died on this machine, is free; one that says NOT_KEPT is
    told, so that nobody waits.
    """
    conn = transaction.conn
    if not fresh:
        row = conn.execute(FIND, (key,)).fetchone()
        if row is not None and (row[3] is None or row[3] > transaction.now):
            return Ready(row)
    held = look(conn, key)
    if held is not None:
        waiting = held.error is None and not is_dead(held.owner)
        if waiting or held.error == NOT_KEPT:
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
    """Whether the owner was a process that could be seen from here, and has ended.

    Of others the beat alone tells.
    """
    realm, pid, started, _ = owner.rsplit("/", 3)
    if realm != _realm() or not pid.isdecimal():
        return False
    try:
        # A process with the same number that began at another moment is another process.
        return _start_of(int(pid)) not in (None, started)
    except psutil.NoSuchProcess:
        return True


def _write(conn: sqlite3.Connection, key: bytes, owner: str) -> int:
    token = secrets.randbits(62)
    conn.execute(
        "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, 0, NULL, NULL)", (key, owner, token)
    )
    return token
