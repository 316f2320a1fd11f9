"""Export, import and verification: entries as one portable file, and each entry checked.

A gzip of JSON lines: a header, then an entry a line, with its ingredients and its answer. Wherever
an entry is, its key must follow from its ingredients, and its answer must match its digest. That
finds damage, not lies: whoever makes an export can put other answers in it.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import re
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from attrs import define, field, frozen

from refrain_cache import codec
from refrain_cache.entry import NewEntry, Progress, Transferred, Verified, new_entry
from refrain_cache.errors import CacheError, EntryError, PortableFileError
from refrain_cache.fingerprint import Fingerprint, restored
from refrain_cache.sqlite.reader import ReadConnection

FORMAT = "refrain-cache"
FORMAT_VERSION = 1
# Read, or waiting to be stored, at a time: so many entries, or bytes of them.
_STEP, _STEP_BYTES = 200, 8 << 20
# Of one line. Parsing holds up other threads, and takes several times a line in memory: most for
# brackets, each of which becomes an object.
_LINE_BYTES, _LINE_BRACKETS = 32 << 20, 1_000_000
_HEADER_BYTES = 64 << 10
# A file that unpacks to more than this and so many times its own size holds no real entries.
_UNPACKED_BYTES, _UNPACKED_TIMES = 256 << 20, 100
# Refusals before the rest is left unread; those that are told in words, and in how many characters.
_MOST_REFUSED, _MOST_NAMED, _SENTENCE_CHARS = 10_000, 100, 200
# Longer than any kind or model is called.
_NAME_CHARS = 500
_TOO_LONG = f"it is longer than {_LINE_BYTES >> 20} MiB"
_UNREAD = "the rest of the file was not read: "
# What would move a terminal's cursor, or break a line, or can be written nowhere.
_UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What reading a hostile text may end in.
_WRONG = (CacheError, ValueError, TypeError, KeyError, RecursionError)


@frozen
class Imported:
    """One line of an export that passed its checks. `expires_at` in seconds since the epoch."""

    new: NewEntry
    expires_at: float | None


@define
class Arrived:
    """A step through an export, which says it holds `announced` entries (None: it does not say)."""

    announced: int | None
    entries: list[Imported] = field(factory=list)
    rejected: list[str] = field(factory=list)


def transferred(
    path: Path, rejected: list[str], *, entries: int = 0, here: int = 0, expired: int = 0
) -> Transferred:
    """What was done; of many refusals the first are told, and the last, why there are no more."""
    refused, named = len(rejected), rejected
    if refused > _MOST_NAMED:
        more = f"and {refused - _MOST_NAMED:,} more"
        named = [*rejected[: _MOST_NAMED - 1], more, rejected[-1]]
    return Transferred(path, entries, here, expired, refused, tuple(named))


def _checked(entry: dict[str, Any]) -> Fingerprint:
    """An entry's fingerprint. Raises one of _WRONG if that or a number in the entry is wrong."""
    for name in ("created_at", "cost_ms", "expires_at"):
        number = entry[name]
        known = isinstance(number, (int, float)) and not isinstance(number, bool)
        if not (number is None and name == "expires_at") and not (known and 0 <= number < 1e15):
            raise EntryError(f"its {name} is {number!r:.40}")
    return restored(entry["key"], entry["kind"], entry["content"], entry["recipe"])


def _sentence(error: Exception) -> str:
    """What is wrong with an entry, fit to be printed whatever it quotes."""
    known = isinstance(error, (CacheError, codec.DamagedError))
    how = "" if known else "it has no " if isinstance(error, KeyError) else "it cannot be read: "
    text = f"{how}{error}"
    return _UNPRINTABLE.sub("?", text)[:_SENTENCE_CHARS]


_COLUMNS = ("kind", "model", "label", "content", "recipe", "created_at", "expires_at", "cost_ms")
# Up to _STEP rows after an id, fewer if they are large.
_ROWS = f"""
SELECT id, key, value, packed, digest, {", ".join(_COLUMNS)}
FROM entry LEFT JOIN recipe ON hash = recipe_hash
WHERE id > ?1 AND id <= (
    SELECT max(id) FROM (
        SELECT id, bytes, sum(bytes) OVER (ORDER BY id) AS upto
        FROM (SELECT id, bytes FROM entry WHERE id > ?1 ORDER BY id LIMIT {_STEP})
    ) WHERE upto - bytes < {_STEP_BYTES})
ORDER BY id
"""


def _count(conn: ReadConnection) -> int:
    return int(conn.execute("SELECT count(*) FROM entry")[0][0])


def _stored(conn: ReadConnection, progress: Progress) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Each entry by its key (hex), or what is wrong with it."""
    total, last, done = _count(conn), 0, 0
    while rows := conn.execute(_ROWS, (last,)):
        for _, key, value, packed, digest, *columns in rows:
            name = key.hex() if isinstance(key, bytes) else repr(key)
            entry = {"key": name, **dict(zip(_COLUMNS, columns, strict=True))}
            try:
                _checked(entry)
                entry["answer"] = codec.decode(value, packed, digest)
                entry["digest"] = digest.hex()
            except codec.DamagedError as error:
                yield name, f"the answer is damaged: {_sentence(error)}"
            except _WRONG as error:
                yield name, _sentence(error)
            else:
                yield name, entry
        last, done = rows[-1][0], done + len(rows)
        progress(done, total)


def verify(conn: ReadConnection, progress: Progress) -> Verified:
    """Check every entry, and have SQLite check the file itself."""
    checked, damaged = 0, {}
    for key, found in _stored(conn, progress):
        checked += 1
        if isinstance(found, str):
            damaged[key] = found
    integrity = [str(row[0]) for row in conn.execute("PRAGMA integrity_check(20)")]
    return Verified(checked, damaged, () if integrity == ["ok"] else tuple(integrity))


def write_export(conn: ReadConnection, path: Path, now: float, progress: Progress) -> Transferred:
    """Write every entry that has not expired at `now` to `path`, all or nothing."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        what = "Is a directory" if target.is_dir() else "It is no regular file"
        raise OSError(errno.EEXIST, what, str(path))
    header = {"format": FORMAT, "version": FORMAT_VERSION, "at": now, "entries": _count(conn)}
    written = expired = 0
    rejected: list[str] = []
    # For its owner only, under a name at which nobody can have put a link.
    opened, partial = tempfile.mkstemp(".partial", "refrain-", target.parent)
    try:
        with os.fdopen(opened, "wb") as raw, gzip.open(raw, "wt", 6, "utf-8") as file:
            file.write(json.dumps(header) + "\n")
            for key, found in _stored(conn, progress):
                if isinstance(found, str):
                    rejected.append(f"{key[:12]}: {found}")
                elif found["expires_at"] is not None and found["expires_at"] <= now:
                    expired += 1
                elif len(line := json.dumps(found)) > _LINE_BYTES:
                    rejected.append(f"{key[:12]}: {_TOO_LONG}")
                else:
                    file.write(line + "\n")
                    written += 1
        os.replace(partial, target)
    except BaseException:
        os.unlink(partial)
        raise
    return transferred(path, rejected, entries=written, expired=expired)


def read_export(path: Path, max_bytes: int) -> Iterator[Arrived]:
    """An export step by step: each entry checked, none larger than `max_bytes`.

    Ends early, saying so, where the file does or holds far too little of use. Raises
    PortableFileError if the file is no export or from a newer version; OSError if it cannot be
    read.
    """
    try:
        mode = path.stat().st_mode
    except ValueError as error:
        raise PortableFileError(f"{str(path)!r} is no path of a file: {error}.") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # Opening a pipe would wait for whoever writes into it, and a device has no end.
        raise PortableFileError(f"{path} is no regular file.")
    with path.open("rb") as raw, gzip.open(raw) as unpacked:
        file = cast(BinaryIO, unpacked)
        announced = _announced(file, path)
        step, size, refused = Arrived(announced), 0, 0
        for number, line in enumerate(_lines(file, raw), 2):
            found = line if isinstance(line, str) else _imported(line, max_bytes)
            if isinstance(found, Imported):
                step.entries.append(found)
                size += found.new.bytes
            else:
                step.rejected.append(f"line {number}: {found}")
                refused += 1
            if refused == _MOST_REFUSED:
                step.rejected.append(f"{_UNREAD}{refused:,} lines were refused")
                break
            if len(step.entries) + len(step.rejected) >= _STEP or size >= _STEP_BYTES:
                yield step
                step, size = Arrived(announced), 0
        if step.entries or step.rejected:
            yield step


def _announced(file: BinaryIO, path: Path) -> int | None:
    header = None
    with contextlib.suppress(ValueError, RecursionError, EOFError, gzip.BadGzipFile, zlib.error):
        header = json.loads(file.readline(_HEADER_BYTES).decode())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise PortableFileError(f"{path} is not an export of a Refrain cache.")
    if header.get("version") != FORMAT_VERSION:
        raise PortableFileError(
            f"{path} is an export of version {header.get('version')!r:.40}; this program reads "
            f"version {FORMAT_VERSION}. Update Refrain, or export again."
        )
    entries = header.get("entries")
    return entries if type(entries) is int else None


def _lines(file: BinaryIO, raw: BinaryIO) -> Iterator[bytes | str]:
    """Each line of the unpacked `file`, or why there is none. `raw` is what it is unpacked from."""
    skipping = False
    try:
        while part := file.readline(_HEADER_BYTES if skipping else _LINE_BYTES):
            if file.tell() > _UNPACKED_BYTES + _UNPACKED_TIMES * raw.tell():
                yield f"{_UNREAD}it unpacks to far more than entries do"
                return
            ended = part.endswith(b"\n")
            if not skipping:
                skipping = not ended and len(part) == _LINE_BYTES
                yield _TOO_LONG if skipping else part
            elif ended:
                skipping = False
    except (EOFError, OSError, zlib.error) as error:
        yield f"the file ends early or is damaged: {error}"


def _imported(line: bytes, max_bytes: int) -> Imported | str:
    try:
        if line.count(b"[") + line.count(b"{") > _LINE_BRACKETS:
            return f"it has more than {_LINE_BRACKETS:,} brackets"
        entry = json.loads(line.decode())
        if not isinstance(entry, dict):
            return "it is no entry"
        printed = _checked(entry)
        for name in ("kind", "model", "label"):
            text = entry[name]
            odd = not isinstance(text, str)
            if odd or (name != "label" and (text[_NAME_CHARS:] or _UNPRINTABLE.search(text))):
                return f"its {name} is {text!r:.40}"
        label, cost_ms = _UNPRINTABLE.sub(" ", entry["label"]), float(entry["cost_ms"])
        kept = {"ttl": None, "cost_ms": cost_ms, "label": label, "model": entry["model"]}
        new = new_entry(printed, entry["answer"], large=len(line) > codec.LARGE_BYTES, **kept)
    except _WRONG as error:
        return _sentence(error)
    if new.encoded.digest.hex() != entry.get("digest"):
        return "its answer is not the one exported"
    if new.bytes > max_bytes:
        return f"it takes {new.bytes:,} bytes, and caching.max_bytes is {max_bytes:,}"
    expires_at = entry["expires_at"]
    return Imported(new, None if expires_at is None else float(expires_at))
