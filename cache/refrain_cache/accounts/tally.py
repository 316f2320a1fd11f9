"""Counts and latencies of lookups, in memory. Pure: whoever counts says when."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from itertools import accumulate
from math import ceil, log

from attrs import define, field, frozen
from ddsketch.mapping import LogarithmicMapping

# DDSketch (Masson, Rim, Lee, VLDB 2019) with relative accuracy 1 %. Its buckets are kept as plain
# counts, so that processes add theirs together in SQL, a thing its own store cannot do.
_ACCURACY = 0.01
_MAPPING: LogarithmicMapping = LogarithmicMapping(_ACCURACY)
_PER_LOG = 1.0 / log((1 + _ACCURACY) / (1 - _ACCURACY))
# Durations below a nanosecond are clock noise, and zero has no logarithm.
_LEAST_MS = 1e-6

_LEAST_BUCKET = ceil(log(_LEAST_MS) * _PER_LOG)

Series = str
Buckets = Mapping[int, int]


@frozen
class Percentiles:
    """Latency percentiles in ms over `count` samples, at most 1 % off each."""

    count: int
    p50: float
    p95: float
    p99: float


def bucket_of(ms: float) -> int:
    """The DDSketch bucket that holds a duration."""
    return ceil(log(ms) * _PER_LOG) if ms > _LEAST_MS else _LEAST_BUCKET


def percentiles(buckets: Buckets) -> Percentiles | None:
    """Percentiles of bucketed durations; None without any."""
    count = sum(buckets.values())
    if not count:
        return None
    ordered = sorted(buckets)
    seen = list(accumulate(buckets[bucket] for bucket in ordered))

    def at(quantile: float) -> float:
        return float(_MAPPING.value(ordered[bisect_right(seen, quantile * (count - 1))]))

    return Percentiles(count, at(0.50), at(0.95), at(0.99))


@define
class Tally:
    """What happened to one kind and model. Count names are those of `counters.py`."""

    counts: defaultdict[str, float] = field(factory=lambda: defaultdict(float))
    latencies: dict[Series, defaultdict[int, int]] = field(
        factory=lambda: {
            "hit": defaultdict(int),
            "miss": defaultdict(int),
            "store": defaultdict(int),
        }
    )

    def add(self, other: Tally) -> None:
        for name, n in other.counts.items():
            self.counts[name] += n
        for series, buckets in other.latencies.items():
            mine = self.latencies[series]
            for bucket, n in buckets.items():
                mine[bucket] += n


Group = tuple[str, str]
"""Kind and model."""
Tallies = dict[Group, Tally]


def add_all(into: Tallies, more: Mapping[Group, Tally]) -> None:
    """Add tallies group by group."""
    for group, tally in more.items():
        into.setdefault(group, Tally()).add(tally)
