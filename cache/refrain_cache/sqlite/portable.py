"""Export and import: entries as one portable file, checked one by one.

A gzip of JSON lines: a header, then an entry a line, with its ingredients and its answer. An entry
is taken in only if its key can be derived from its ingredients and its digest from its answer.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from attrs import frozen

from refrain_cache import codec
from refrain_cache.entry import NewEntry, Progress, Transferred, new_entry
from refrain_cache.errors import CacheError, PortableFileError
from refrain_cache.fingerprint import Fingerprint, derive_key
from refrain_cache.sqlite.reader import ReadConnection

FORMAT = "refrain-cache"
FORMAT_VERSION = 1
_PAGE = 200


@frozen
class Imported:
    """One line of an export that passed its checks. `expires_at` in seconds since the epoch."""

    new: NewEntry
    expires_at: float | None


def write_export(conn: ReadConnection, path: Path, now: float, progress: Progress) -> Transferred:
    """Write every entry that has not expired at `now` to `path`, all or nothing."""
    ((total,),) = conn.execute("SELECT count(*) FROM entry")
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    written = expired = 0
    damaged: list[str] = []
    try:
        opener = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opener, "wb") as raw, gzip.open(raw, "wt", encoding="utf-8") as file:
            header = {"format": FORMAT, "version": FORMAT_VERSION, "at": now, "entries": total}
            file.write(json.dumps(header) + "\n")
            for done, line in enumerate(_lines(conn, now), 1):
                if line is None:
                    expired += 1
                elif isinstance(line, str):
                    damaged.append(line)
                else:
                    file.write(json.dumps(line) + "\n")
                    written += 1
                if done % _PAGE == 0:
                    progress(done, total)
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    return Transferred(path, written, expired=expired, rejected=tuple(damaged))


def _lines(conn: ReadConnection, now: float) -> Iterator[dict[str, Any] | str | None]:
    """What to write of each entry; None for one that has expired, a sentence for a damaged one."""
    last = 0
    while True:
        rows = conn.execute(
            "SELECT id, key, kind, model, label, content, recipe, value, packed, digest, "
            "created_at, expires_at, cost_ms FROM entry JOIN recipe ON hash = recipe_hash "
            "WHERE id > ? ORDER BY id LIMIT ?",
            (last, _PAGE),
        ).fetchall()
        for row in rows:
            last, key, kind, model, label, content, recipe, value, packed, digest, *moments = row
            created_at, expires_at, cost_ms = moments
            if expires_at is not None and expires_at <= now:
                yield None
                continue
            try:
                answer = codec.decode(value, packed, digest)
            except codec.DamagedError as error:
                yield f"{key.hex()[:12]}: the answer is damaged: {error}"
                continue
            yield {
                "key": key.hex(),
                "kind": kind,
                "model": model,
                "label": label,
                "content": content,
                "recipe": recipe,
                "answer": answer,
                "digest": digest.hex(),
                "created_at": created_at,
                "expires_at": expires_at,
                "cost_ms": cost_ms,
            }
        if len(rows) < _PAGE:
            return


def announced(path: Path) -> int | None:
    """How many entries an export says it has. Raises as `read_export`."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        entries = _header(file, path).get("entries")
    return entries if isinstance(entries, int) else None


def _header(file: TextIO, path: Path) -> dict[str, Any]:
    try:
        header = json.loads(file.readline())
        known = isinstance(header, dict) and header.get("format") == FORMAT
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PortableFileError(f"{path} is not an export of a Refrain cache.") from error
    if not known:
        raise PortableFileError(f"{path} is not an export of a Refrain cache.")
    if header.get("version") != FORMAT_VERSION:
        raise PortableFileError(
            f"{path} is an export of version {header.get('version')!r}; this program reads "
            f"version {FORMAT_VERSION}. Update Refrain, or export again."
        )
    return dict(header)


def read_export(path: Path) -> Iterator[Imported | str]:
    """Each entry of an export: checked, or a sentence saying why it is rejected.

    Raises PortableFileError if the file is no export or from a newer version; OSError if it cannot
    be read.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        _header(file, path)
        lines = enumerate(file, start=2)
        while True:
            try:
                number, line = next(lines)
            except StopIteration:
                return
            except (EOFError, OSError, ValueError, zlib.error) as error:
                yield f"the file ends early or is damaged: {error}"
                return
            yield _checked(number, line)


def _checked(number: int, line: str) -> Imported | str:
    try:
        data = json.loads(line)
        fingerprint = Fingerprint(data["key"], data["kind"], data["content"], data["recipe"])
        if derive_key(fingerprint.kind, fingerprint.content, fingerprint.recipe) != fingerprint.key:
            return f"line {number}: the key {data['key']!r:.20} does not belong to its ingredients"
        new = new_entry(
            fingerprint,
            data["answer"],
            ttl=None,
            cost_ms=float(data["cost_ms"]),
            label=str(data["label"]),
            model=str(data["model"]),
        )
        if new.encoded.digest.hex() != data["digest"]:
            return f"line {number}: the answer of {fingerprint.key[:12]} is not the one exported"
        expires_at = data["expires_at"]
        return Imported(new, None if expires_at is None else float(expires_at))
    except (ValueError, KeyError, TypeError, CacheError) as error:
        return f"line {number}: {type(error).__name__}: {error}"
