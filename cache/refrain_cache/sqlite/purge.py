"""A Selection as SQL."""

from __future__ import annotations

from typing import Any

from refrain_cache.entry import Selection
from refrain_cache.sqlite.reader import ReadConnection

_KEY_HEX_CHARS = 64


def selected(conn: ReadConnection, selection: Selection, now: float) -> list[tuple[bytes, int]]:
    """Key and bytes of every entry a selection means. Raises ValueError for a bad key prefix."""
    conditions: dict[str, tuple[Any, ...]] = {}
    if selection.expired:
        conditions["expires_at <= ?"] = (now,)
    if selection.kind is not None:
        conditions["kind = ?"] = (selection.kind,)
    if selection.model is not None:
        conditions["model = ?"] = (selection.model,)
    if selection.older_than_s is not None:
        conditions["created_at < ?"] = (now - selection.older_than_s,)
    if selection.key_prefix is not None:
        conditions["key BETWEEN ? AND ?"] = key_range(selection.key_prefix)
    if not conditions and not selection.everything and selection.least_used is None:
        return []
    values = [value for values in conditions.values() for value in values]
    limit = ""
    if selection.least_used is not None:
        limit = "ORDER BY uses, last_used_at, id LIMIT ?"
        values.append(selection.least_used)
    where = " AND ".join(conditions) or "true"
    return conn.execute(f"SELECT key, bytes FROM entry WHERE {where} {limit}", values).fetchall()


def key_range(prefix: str) -> tuple[bytes, bytes]:
    """The first and the last key that begin with `prefix` (hex). Raises ValueError if it is not."""
    prefix = prefix.strip().lower()
    if not prefix or len(prefix) > _KEY_HEX_CHARS or set(prefix) - set("0123456789abcdef"):
        raise ValueError(
            f"{prefix!r} is not the beginning of a key: keys are {_KEY_HEX_CHARS} hex characters."
        )
    return (
        bytes.fromhex(prefix.ljust(_KEY_HEX_CHARS, "0")),
        bytes.fromhex(prefix.ljust(_KEY_HEX_CHARS, "f")),
    )
