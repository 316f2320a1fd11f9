"""Re-hashing what is stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from refrain_cache import codec
from refrain_cache.fingerprint import derive_key
from refrain_cache.sqlite.reader import ReadConnection

STEP = 500
_SELECT = (
    "SELECT id, key, kind, content, recipe, value, packed, digest "
    "FROM entry LEFT JOIN recipe ON hash = recipe_hash WHERE id > ? ORDER BY id LIMIT ?"
)


def integrity(conn: ReadConnection) -> tuple[str, ...]:
    """What SQLite finds wrong with the file itself; nothing if it is whole."""
    found = [str(row[0]) for row in conn.execute("PRAGMA integrity_check(20)")]
    return () if found == ["ok"] else tuple(found)


def verify_some(conn: ReadConnection, after: int) -> tuple[int, int, dict[str, str]]:
    """Check up to STEP entries with an id above `after`.

    Returns the last id looked at, how many were, and what is wrong by key.
    """
    rows = conn.execute(_SELECT, (after, STEP)).fetchall()
    damaged = {row[1].hex(): problem for row in rows if (problem := _problem(row[1:])) is not None}
    return (rows[-1][0] if rows else after), len(rows), damaged


def _problem(row: Sequence[Any]) -> str | None:
    key, kind, content, recipe, value, packed, digest = row
    try:
        codec.decode(value, packed, digest)
    except codec.DamagedError as error:
        return f"the answer is damaged: {error}"
    if recipe is None:
        return "its ingredients are missing"
    try:
        json.loads(recipe)
    except ValueError:
        return "its ingredients cannot be read"
    if derive_key(kind, content, recipe) != key.hex():
        return "its key does not belong to its ingredients"
    return None
