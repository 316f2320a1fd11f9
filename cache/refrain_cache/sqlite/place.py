"""The file on disk: made, opened, recognised, and set aside when it is damaged."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from refrain_cache import forking
from refrain_cache.sqlite.faults import Fault, FaultKind, StoreFault, fault, fault_of
from refrain_cache.sqlite.schema import (
    MIGRATIONS,
    Migration,
    is_foreign,
    layout_problem,
    migrate,
    user_version,
)

log = logging.getLogger("refrain.cache")

# Beside the database, in the order in which they are moved: the WAL must not outlive its database.
_COMPANIONS = ("-wal", "-shm")
# A process killed while setting a file aside leaves its marker; nobody takes longer than this.
_MARKER_STALE_S = 10.0
# Page cache per connection in KiB: what hits take is read by `glance`, past these. No mmap: a file
# truncated under a mapping kills the process.
_PAGE_CACHE_KIB = 4 * 1024
_FORKED = (
    "this process was forked while its parent was reading or writing it; start workers by "
    "spawn, or fork before the cache is used"
)


class Place:
    """Where the store lives. Used by the store's threads; `generation` counts reopened files."""

    def __init__(self, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self.path = path
        self.generation = 0
        # The generation in which a reader found damage, and what it found.
        self._damage: tuple[int, Fault] | None = None
        self._migrations = migrations

    def identity(self) -> tuple[int, int] | None:
        """Device and inode of the file at the path now, None if there is none."""
        try:
            found = os.stat(self.path)
        except (OSError, ValueError):
            return None
        return found.st_dev, found.st_ino

    def connect_writer(self, busy_ms: int) -> sqlite3.Connection:
        """Open for writing, making folder, file and layout as needed. Raises StoreFault."""
        return self._open(busy_ms, self._prepare, self._make_ready)

    def connect_reader(self, busy_ms: int) -> sqlite3.Connection:
        """Open for reading what the writer has made ready. Raises StoreFault."""
        return self._open(busy_ms, self._require, self._only_read)

    def check_version(self, conn: sqlite3.Connection) -> None:
        """Raises StoreFault if the file has been brought to a version newer than this program."""
        at, known = user_version(conn), self._migrations[-1].version
        if at > known:
            cause = f"its layout is version {at}, this one knows {known}"
            raise StoreFault(fault(FaultKind.NEWER, self.path, cause))

    def check_layout(self, conn: sqlite3.Connection) -> None:
        """Raises StoreFault (CORRUPT) if no version of this program could have made the file so.

        It could never be used: some lookups would fail, and others would not.
        """
        problem = layout_problem(conn, self._migrations)
        if problem is not None:
            version = self._migrations[-1].version
            cause = f"it says its layout is version {version}, but {problem}"
            raise StoreFault(fault(FaultKind.CORRUPT, self.path, cause))

    def found_damaged(self, generation: int, found: Fault) -> None:
        """Note what a reader met in the file of a generation."""
        if found.kind is FaultKind.CORRUPT:
            self._damage = (generation, found)

    def check_damage(self) -> None:
        """Raises StoreFault if a reader has found the present file damaged."""
        if self._damage is not None and self._damage[0] == self.generation:
            raise StoreFault(self._damage[1])

    def set_aside(self, damaged: tuple[int, int] | None) -> Path | None:
        """Rename the damaged file (never delete it); returns its new path.

        Returns None when another process has already done so, which `damaged` (the identity it had
        when it was found damaged) tells. Raises StoreFault if it cannot be renamed.
        """
        marker = self.path.with_name(self.path.name + ".setting-aside")
        try:
            if not _claim(marker):
                return None
            try:
                if self.identity() is None or self.identity() != damaged:
                    return None
                stamp = time.strftime("%Y%m%d-%H%M%S")
                aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{os.getpid()}")
                for companion in _COMPANIONS:
                    with contextlib.suppress(FileNotFoundError):
                        os.replace(f"{self.path}{companion}", f"{aside}{companion}")
                os.replace(self.path, aside)
            finally:
                marker.unlink(missing_ok=True)
        except OSError as error:
            raise StoreFault(fault_of(error, self.path)) from error
        log.warning("The cache file %s was damaged; it was set aside as %s.", self.path, aside.name)
        return aside

    def _open(
        self,
        busy_ms: int,
        before: Callable[[], None],
        after: Callable[[sqlite3.Connection], None],
    ) -> sqlite3.Connection:
        conn: sqlite3.Connection | None = None
        try:
            if not forking.usable():
                raise StoreFault(fault(FaultKind.UNUSABLE, self.path, _FORKED))
            before()
            conn = self._connect(busy_ms)
            after(conn)
        except Exception as error:
            if conn is not None:
                conn.close()
            raise StoreFault(fault_of(error, self.path)) from error
        return conn

    def _prepare(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only a new file is opened here. To close one takes away all locks on it that this process
        # holds, and so from its other caches the write-ahead log, once another process leaves
        # (https://www.sqlite.org/howtocorrupt.html, 2.2).
        if not self.path.exists():
            with contextlib.suppress(FileExistsError):
                # SQLite gives its companions the permissions of the database.
                flags = os.O_WRONLY | os.O_CREAT | (0 if self.path.is_symlink() else os.O_EXCL)
                os.close(os.open(self.path, flags, 0o600))
        self._for_its_owner_only(self.path.stat().st_mode)

    def _for_its_owner_only(self, mode: int) -> None:
        if os.name == "nt" or not mode & 0o077:
            return
        for name in ("", *_COMPANIONS):
            try:
                os.chmod(f"{self.path}{name}", 0o600)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("Others of this machine may read %s%s: %s", self.path, name, error)

    def _make_ready(self, conn: sqlite3.Connection) -> None:
        self._recognise(conn)
        # Before the first table, or it is ignored: lets purged bytes go back to the disk.
        conn.execute("PRAGMA auto_vacuum = INCREMENTAL")
        conn.execute("PRAGMA journal_mode = WAL")
        # In WAL mode a commit survives the death of the process; only a power cut may undo the last
        # ones, and never half of one.
        conn.execute("PRAGMA synchronous = NORMAL")
        conn.execute("PRAGMA journal_size_limit = 16777216")
        migrate(conn, self._migrations)
        self.check_layout(conn)

    def _require(self) -> None:
        # SQLite would make one.
        if self.identity() is None:
            raise FileNotFoundError(2, "No such file", str(self.path))

    def _only_read(self, conn: sqlite3.Connection) -> None:
        conn.execute("PRAGMA query_only = 1")
        self._recognise(conn)

    def _connect(self, busy_ms: int) -> sqlite3.Connection:
        conn = sqlite3.connect(
            self.path, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            conn.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
            conn.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.Error:
            conn.close()
            raise
        return conn

    def _recognise(self, conn: sqlite3.Connection) -> None:
        if is_foreign(conn):
            cause = "its tables are not those of a cache"
            raise StoreFault(fault(FaultKind.FOREIGN, self.path, cause))
        self.check_version(conn)


def _claim(marker: Path) -> bool:
    try:
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - marker.stat().st_mtime > _MARKER_STALE_S:
                marker.unlink(missing_ok=True)
        return False
    return True
