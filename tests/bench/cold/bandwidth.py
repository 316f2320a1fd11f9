"""How fast this machine reads memory: the limit on decoding, which reads every weight per token."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor

_BLOCK = 192 * 2**20  # far above any cache
_ROUNDS = 6


def read_gb_s(processes: int) -> float:
    """GB/s read by so many processes together, each comparing two equal blocks (memcmp)."""
    with ProcessPoolExecutor(processes) as pool:
        return sum(pool.map(_one, range(processes)))


def _one(_: int) -> float:
    one, other = bytes(_BLOCK), bytes(bytearray(_BLOCK))
    best = 0.0
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        equal = one == other
        taken = time.perf_counter() - began
        assert equal
        best = max(best, 2 * _BLOCK / taken / 1e9)
    return best
