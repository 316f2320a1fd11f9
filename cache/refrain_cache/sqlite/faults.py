"""What can be wrong with the store, and what it means for the work. Pure."""

from __future__ import annotations

import errno
import sqlite3
from enum import Enum

from attrs import frozen


class FaultKind(Enum):
    """Each name is a reason to bypass; only `CORRUPT` may have its file set aside."""

    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read-only"
    CORRUPT = "corrupt"
    GONE = "gone"
    FOREIGN = "foreign"
    NEWER = "newer"
    UNUSABLE = "unusable"


@frozen
class Fault:
    """Why the store cannot be used now; `reason` names the thing, the cause and the next step."""

    kind: FaultKind
    reason: str


class StoreFault(Exception):
    """Carries a Fault from the store's threads to the cache, which turns it into a bypass."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


_BY_CODE = {
    sqlite3.SQLITE_BUSY: FaultKind.LOCKED,
    sqlite3.SQLITE_LOCKED: FaultKind.LOCKED,
    sqlite3.SQLITE_FULL: FaultKind.FULL,
    sqlite3.SQLITE_READONLY: FaultKind.READ_ONLY,
    sqlite3.SQLITE_PERM: FaultKind.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: FaultKind.CORRUPT,
    sqlite3.SQLITE_NOTADB: FaultKind.CORRUPT,
    sqlite3.SQLITE_CANTOPEN: FaultKind.GONE,
}
# Windows has no quota.
_FULL_ERRNOS = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_REASONS = {
    FaultKind.LOCKED: "{path} is locked by another program ({cause}); close what holds it.",
    FaultKind.FULL: "{path} cannot grow ({cause}); free some disk space or lower "
    "caching.max_bytes.",
    FaultKind.READ_ONLY: "{path} cannot be written ({cause}); check its permissions or choose "
    "another caching.cache_dir.",
    FaultKind.CORRUPT: "{path} is damaged ({cause}); it is being set aside and a new one begun.",
    FaultKind.GONE: "{path} cannot be opened ({cause}); check that its folder exists and is a "
    "folder.",
    FaultKind.FOREIGN: "{path} is a database of another program ({cause}); it was left alone: "
    "choose another caching.cache_dir.",
    FaultKind.NEWER: "{path} was written by a newer version of Refrain ({cause}); it was left "
    "alone: update Refrain or choose another caching.cache_dir.",
    FaultKind.UNUSABLE: "{path} cannot be used ({cause}); run `refrain doctor`.",
}
_FOLLOW_UP = " Answers are computed but not kept meanwhile."


def fault(kind: FaultKind, path: object, cause: object) -> Fault:
    """A fault with the sentence that belongs to it."""
    return Fault(kind, _REASONS[kind].format(path=path, cause=cause) + _FOLLOW_UP)


def fault_of(error: Exception, path: object) -> Fault:
    """What an sqlite3 or OS error means for the store at `path`."""
    if isinstance(error, StoreFault):
        return error.fault
    if isinstance(error, sqlite3.Error):
        # Extended codes carry the primary one in their low byte.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return fault(_BY_CODE.get(code, FaultKind.UNUSABLE), path, error)
    if isinstance(error, PermissionError):
        kind = FaultKind.READ_ONLY
    elif isinstance(error, (FileNotFoundError, NotADirectoryError, FileExistsError)):
        kind = FaultKind.GONE
    elif isinstance(error, OSError) and error.errno in _FULL_ERRNOS:
        kind = FaultKind.FULL
    else:
        return fault(FaultKind.UNUSABLE, path, error)
    return fault(kind, path, error.strerror or error)
