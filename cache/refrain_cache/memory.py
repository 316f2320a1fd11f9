"""The tier above the file: the answers used last, in this process, bounded in number and bytes."""

from __future__ import annotations

import marshal
from collections import OrderedDict
from typing import Any

from attrs import define

from refrain_cache.codec import Encoded
from refrain_cache.tally import Group

# Few answers are large; a handful of those must not fill a small machine.
MEMORY_BYTES = 64 * 1024 * 1024


@define
class Remembered:
    """An answer in memory, as bytes, so that no caller can change another's.

    `group` is its kind and model; `expires_at` is infinite for what never does. `uses`,
    `last_used_at` and `saved_ms` are what no file has seen yet: counting here, where a hit already
    is, costs least.
    """

    encoded: Encoded
    expires_at: float
    cost_ms: float
    group: Group
    uses: int = 0
    last_used_at: float = 0.0
    saved_ms: float = 0.0

    def value(self) -> Any:
        """A copy of the answer, the caller's to change."""
        copy = self.encoded.copy
        return marshal.loads(copy) if copy is not None else self.encoded.value()


def remember(
    encoded: Encoded, *, expires_at: float | None, cost_ms: float, group: Group
) -> Remembered:
    """A stored form as it is kept in memory."""
    return Remembered(
        encoded, expires_at if expires_at is not None else float("inf"), cost_ms, group
    )


class MemoryTier:
    """Least recently used first out. Not for more than one thread at a time."""

    def __init__(self, max_entries: int, max_bytes: int = MEMORY_BYTES) -> None:
        self._entries: OrderedDict[str, Remembered] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Remembered | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: str, entry: Remembered) -> None:
        self.drop(key)
        size = len(entry.encoded.data) + len(entry.encoded.copy or b"")
        if self._max_entries <= 0 or size > self._max_bytes:
            return
        self._entries[key] = entry
        self._sizes[key] = size
        self._bytes += size
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            oldest, _ = self._entries.popitem(last=False)
            self._bytes -= self._sizes.pop(oldest)

    def drop(self, key: str) -> None:
        if self._entries.pop(key, None) is not None:
            self._bytes -= self._sizes.pop(key)

    def clear(self) -> None:
        self._entries.clear()
        self._sizes.clear()
        self._bytes = 0
