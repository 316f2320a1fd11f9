"""The tier above the file: the answers used last, in this process, bounded in number and bytes."""

from __future__ import annotations

import marshal
from collections import OrderedDict
from typing import Any

from attrs import define

# Few answers are large; a handful of those must not fill a small machine.
MEMORY_BYTES = 64 * 1024 * 1024


@define
class Remembered:
    """An answer in memory. `frozen` holds it as bytes, so that no caller can change another's."""

    frozen: bytes
    expires_at: float
    cost_ms: float
    kind: str
    model: str

    def value(self) -> Any:
        """A copy of the answer, the caller's to change."""
        # marshal never leaves the process here; it copies JSON three times faster than json does.
        return marshal.loads(self.frozen)


def remember(
    value: Any, *, expires_at: float | None, cost_ms: float, kind: str, model: str
) -> Remembered:
    """`value` (plain JSON types, as `codec.decode` gives them) as it is kept in memory."""
    return Remembered(
        marshal.dumps(value),
        expires_at if expires_at is not None else float("inf"),
        cost_ms,
        kind,
        model,
    )


class MemoryTier:
    """Least recently used first out. Not for more than one thread at a time."""

    def __init__(self, max_entries: int, max_bytes: int = MEMORY_BYTES) -> None:
        self._entries: OrderedDict[str, Remembered] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Remembered | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: str, entry: Remembered) -> None:
        if self._max_entries <= 0 or len(entry.frozen) > self._max_bytes:
            self.drop(key)
            return
        before = self._entries.pop(key, None)
        if before is not None:
            self._bytes -= len(before.frozen)
        self._entries[key] = entry
        self._bytes += len(entry.frozen)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= len(oldest.frozen)

    def drop(self, key: str) -> None:
        gone = self._entries.pop(key, None)
        if gone is not None:
            self._bytes -= len(gone.frozen)

    def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0
