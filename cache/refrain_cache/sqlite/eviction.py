"""Which entries go first when the cache is full: policies as rows of a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

# What was stored without a cost took something to make all the same; 0 would be worth nothing.
LEAST_COST_MS = 1.0


@frozen
class EvictionPolicy:
    """`rank(inflation, last_used_at, uses, cost_ms, bytes)`: the lowest rank goes first.

    `rank_sql` is the same as an SQL expression over `{last_used_at}`, `{uses}`, the columns
    `cost_ms` and `bytes` and the parameter `:inflation`: thousands of entries are ranked at once
    in SQLite, without a call into Python for each.

    With `inflates`, the rank of the last entry evicted becomes the inflation that every later rank
    starts from, so that what was once valuable and is no longer asked for does age.
    """

    name: str
    rank: Callable[[float, float, int, float, int], float]
    rank_sql: str
    inflates: bool


def _last_used(
    inflation: float, last_used_at: float, uses: int, cost_ms: float, size: int
) -> float:
    return last_used_at


def _worth_its_bytes(
    inflation: float, last_used_at: float, uses: int, cost_ms: float, size: int
) -> float:
    return inflation + uses * max(cost_ms, LEAST_COST_MS) / max(size, 1)


# `cost` is GreedyDual-Size-Frequency: Cherkasova, "Improving WWW Proxies Performance with
# Greedy-Dual-Size-Frequency Caching Policy", HP Labs 1998.
POLICIES: Mapping[str, EvictionPolicy] = {
    policy.name: policy
    for policy in (
        EvictionPolicy(
            "cost",
            _worth_its_bytes,
            f":inflation + {{uses}} * max(cost_ms, {LEAST_COST_MS}) / max(bytes, 1)",
            inflates=True,
        ),
        EvictionPolicy("lru", _last_used, "{last_used_at}", inflates=False),
    )
}
