"""A Selection as SQL."""

from __future__ import annotations

from typing import Any

from refrain_cache.entry import Selection
from refrain_cache.sqlite.reader import ReadConnection

_KEY_HEX_CHARS = 64


def selected(conn: ReadConnection, selection: Selection, now: float) -> list[tuple[bytes, int]]:
    """Key and bytes of every entry a selection means. Raises ValueError for a bad key prefix."""
    conditions, values = _conditions(selection, now)
    if not conditions and not selection.everything and selection.least_used is None:
        return []
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    limit = ""
    if selection.least_used is not None:
        limit = "ORDER BY uses, last_used_at, id LIMIT ?"
        values.append(selection.least_used)
    return conn.execute(f"SELECT key, bytes FROM entry {where} {limit}", values).fetchall()


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


def _conditions(selection: Selection, now: float) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if selection.expired:
        conditions.append("expires_at <= ?")
        values.append(now)
    if selection.kind is not None:
        conditions.append("kind = ?")
        values.append(selection.kind)
    if selection.model is not None:
        conditions.append("model = ?")
        values.append(selection.model)
    if selection.older_than_s is not None:
        conditions.append("created_at < ?")
        values.append(now - selection.older_than_s)
    if selection.key_prefix is not None:
        conditions.append("key BETWEEN ? AND ?")
        values.extend(key_range(selection.key_prefix))
    return conditions, values
