"""No SQLite connection may be open while its process forks.

SQLite counts its locks in the memory of a process: in a child, a connection opened before the fork
believes in locks that it does not hold, and whichever process ends first takes the write-ahead log
away from the other (https://www.sqlite.org/howtocorrupt.html, 2.6). So a fork waits until no
connection is being used, closes them all, and the next use of each opens it again.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import threading
import time
from typing import Protocol
from weakref import WeakSet

# A fork waits so long for what is being read or written. What cannot be closed by then keeps the
# child from using SQLite on any of our files.
_PATIENCE_S = 2.0


class Latch:
    """One connection, which a fork closes. `lock` is held while it is opened, used or closed."""

    def __init__(self) -> None:
        self.conn: sqlite3.Connection | None = None
        self.lock = threading.Lock()
        with _registering[0]:
            _latches.add(self)

    def close(self) -> None:
        conn, self.conn = self.conn, None
        if conn is not None:
            conn.close()


class Inherited(Protocol):
    """What has to begin anew in a child, where its threads do not exist."""

    def forked(self) -> None:
        """Called in the child, before anything else runs there."""
        ...


_latches: WeakSet[Latch] = WeakSet()
_heirs: WeakSet[Inherited] = WeakSet()
# In a list, so that a child can have a new one.
_registering = [threading.Lock()]
_held: list[Latch] = []
_left_open: list[int] = []


def inherits(heir: Inherited) -> None:
    """Call `heir.forked` in every child from now on, while it lives."""
    with _registering[0]:
        _heirs.add(heir)


def usable() -> bool:
    """Whether this process may open our files: its parent had none of them open at the fork."""
    return not _left_open


def _before() -> None:
    deadline = time.monotonic() + _PATIENCE_S
    _registering[0].acquire()
    for latch in tuple(_latches):
        if latch.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            _held.append(latch)
            latch.close()
        else:
            _left_open.append(os.getpid())


def _release() -> None:
    for latch in _held:
        latch.lock.release()
    _held.clear()
    _registering[0].release()


def _in_parent() -> None:
    _left_open.clear()
    _release()


def _in_child() -> None:
    # Another thread may have held these; here nobody does.
    _registering[0] = threading.Lock()
    _held.clear()
    for latch in tuple(_latches):
        latch.lock = threading.Lock()
        if _left_open:
            # Never closed here either, not even when the interpreter ends.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(latch))
    for heir in tuple(_heirs):
        heir.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
