"""The tier above the file: the answers used last, in this process, bounded in number and bytes."""

from __future__ import annotations

from collections import OrderedDict

from attrs import define

from refrain_cache.accounts.tally import Group
from refrain_cache.codec import Encoded

# Few answers are large; a handful of those must not fill a small machine.
MEMORY_BYTES = 64 * 1024 * 1024


# When what does not expire expires.
NEVER = float("inf")


@define
class Remembered:
    """An answer in memory, as bytes, so that no caller can change another's.

    `held` is what `codec.copied` made, or the stored form of what that cannot copy; `size` is about
    the bytes it takes. `group` is its kind and model; `expires_at` is infinite for what never does;
    `asked` is whether it was given out since it last came up for eviction. `uses`, `last_used_at`
    and `saved_ms` are what no file has seen yet: counting here, where a hit already is, costs
    least.
    """

    held: bytes | Encoded
    size: int
    expires_at: float
    cost_ms: float
    group: Group
    asked: bool = False
    uses: int = 0
    last_used_at: float = 0.0
    saved_ms: float = 0.0


def remember(
    encoded: Encoded, *, expires_at: float | None, cost_ms: float, group: Group
) -> Remembered:
    """A stored form as it is kept in memory."""
    held = encoded if encoded.copy is None else encoded.copy
    until = NEVER if expires_at is None else expires_at
    return Remembered(held, len(encoded.copy or encoded.data), until, cost_ms, group)


class MemoryTier:
    """Least recently used first out, as CLOCK tells it. Not for more than one thread at a time.

    CLOCK (Corbató, "A paging experiment with the Multics system", 1968): what was asked for since
    it last came up for eviction goes round once more. A hit then moves nothing. What is found in
    the file while all places are taken gets one when it is found again: most is not, and would put
    out what is (a doorkeeper: Einziger, Friedman, Manes, "TinyLFU", 2017).
    """

    def __init__(self, max_entries: int, max_bytes: int = MEMORY_BYTES) -> None:
        self._entries: OrderedDict[str, Remembered] = OrderedDict()
        # The one lookup without a frame of its own: it is in every hit's way.
        self.get = self._entries.get
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._found_once: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: str, entry: Remembered) -> None:
        self.drop(key)
        size = entry.size
        if self._max_entries <= 0 or size > self._max_bytes:
            return
        while len(self._entries) >= self._max_entries or self._bytes + size > self._max_bytes:
            oldest, found = self._entries.popitem(last=False)
            if found.asked:
                found.asked = False
                self._entries[oldest] = found
            else:
                self._bytes -= found.size
        self._entries[key] = entry
        self._bytes += size

    def welcomes(self, key: str) -> bool:
        """Whether what was just found in the file should have a place here."""
        if len(self._entries) < self._max_entries and self._bytes < self._max_bytes:
            return True
        found_once = self._found_once
        if key in found_once:
            found_once.remove(key)
            return True
        if len(found_once) >= self._max_entries:
            found_once.clear()
        found_once.add(key)
        return False

    def drop(self, key: str) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self._bytes -= found.size

    def clear(self) -> None:
        self._entries.clear()
        self._found_once.clear()
        self._bytes = 0
