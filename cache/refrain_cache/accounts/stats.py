"""What the cache holds and what it was worth, as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import attrs
from attrs import frozen

from refrain_cache.accounts.counters import (
    BYPASSED,
    COALESCED,
    HIT,
    MISS,
    REFUSED,
    REFUSED_SHARED,
    SAVED_MS,
    MinuteTallies,
)
from refrain_cache.accounts.tally import Group, Percentiles, Tallies, Tally, percentiles
from refrain_cache.entry import CacheState

StatsWindow = Literal["session", "hour", "day", "all"]


@frozen
class KindStats:
    """Counts and latencies of one kind of entry, or of one model's part of it, in the window.

    `hit_rate` is the share of answered lookups that ran no engine: hits and coalesced over hits,
    coalesced and misses. None before the first.
    """

    kind: str
    entries: int
    bytes: int
    hits: int
    coalesced: int
    misses: int
    bypassed: int
    hit_rate: float | None
    hit_ms: Percentiles | None
    miss_ms: Percentiles | None
    saved_ms: float


@frozen
class ModelStats:
    """One model's part of one kind; `model` is empty where none was named."""

    model: str
    stats: KindStats


@frozen
class TimelinePoint:
    """One minute of lookups: `at` is the minute's start in seconds since the epoch."""

    at: int
    hits: int
    misses: int
    saved_ms: float


@frozen
class CacheStats:
    """Statistics of one window. Sizes in bytes, durations in ms, moments in seconds.

    `entries`, `bytes` are what is stored now, whatever the window. `lookups` is the sum of hits,
    coalesced, misses, bypassed and refused: each lookup is in exactly one of them. `timeline` has a
    point for each minute in which something was looked up. `refused_shared` counts what the shared
    tier had that was never put there, whatever the lookup then came to.
    """

    state: CacheState
    window: StatsWindow
    entries: int
    bytes: int
    max_bytes: int
    lookups: int
    hits_memory: int
    hits_disk: int
    hits_shared: int
    coalesced: int
    misses: int
    miss_causes: dict[str, int]
    bypassed: int
    refused: int
    refused_shared: int
    hit_rate: float | None
    hit_ms: Percentiles | None
    miss_ms: Percentiles | None
    store_ms: Percentiles | None
    saved_ms: float
    kinds: tuple[KindStats, ...]
    models: tuple[ModelStats, ...]
    timeline: tuple[TimelinePoint, ...]
    since: float

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists, numbers and texts."""
        return attrs.asdict(
            self, value_serializer=lambda _, __, v: list(v) if isinstance(v, tuple) else v
        )


Holdings = Mapping[Group, tuple[int, int]]
"""Entries and bytes per kind and model."""


def build(
    state: CacheState,
    window: StatsWindow,
    max_bytes: int,
    tallies: Tallies,
    holdings: Holdings,
    timeline: Iterable[TimelinePoint],
    since: float,
) -> CacheStats:
    """The statistics that belong to tallies and holdings."""
    whole = _sum(tallies.values())
    counts = whole.counts
    causes = {
        name.removeprefix(MISS): int(n)
        for name, n in sorted(counts.items())
        if name.startswith(MISS)
    }
    overall = _group("", whole, holdings.values())
    answered, refused = overall.hits + overall.coalesced + overall.misses, int(counts[REFUSED])
    groups = sorted({*tallies, *holdings})

    def part(kind: str, chosen: Sequence[Group]) -> KindStats:
        tally = _sum(tallies[group] for group in chosen if group in tallies)
        return _group(kind, tally, [holdings[group] for group in chosen if group in holdings])

    return CacheStats(
        state=state,
        window=window,
        entries=overall.entries,
        bytes=overall.bytes,
        max_bytes=max_bytes,
        lookups=answered + overall.bypassed + refused,
        hits_memory=int(counts[HIT + "memory"]),
        hits_disk=int(counts[HIT + "disk"]),
        hits_shared=int(counts[HIT + "shared"]),
        coalesced=overall.coalesced,
        misses=overall.misses,
        miss_causes=causes,
        bypassed=overall.bypassed,
        refused=refused,
        refused_shared=int(counts[REFUSED_SHARED]),
        hit_rate=overall.hit_rate,
        hit_ms=overall.hit_ms,
        miss_ms=overall.miss_ms,
        store_ms=percentiles(whole.latencies["store"]),
        saved_ms=overall.saved_ms,
        kinds=tuple(part(kind, [*of]) for kind, of in groupby(groups, key=itemgetter(0))),
        models=tuple(ModelStats(model, part(kind, [(kind, model)])) for kind, model in groups),
        timeline=tuple(timeline),
        since=since,
    )


def timeline_of(minutes: Iterable[MinuteTallies]) -> list[TimelinePoint]:
    """One point a minute, oldest first."""
    points = []
    for minute in minutes:
        group = _group("", _sum(minute.tallies.values()), ())
        points.append(
            TimelinePoint(minute.start, group.hits + group.coalesced, group.misses, group.saved_ms)
        )
    return points


def _sum(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole


def _group(kind: str, tally: Tally, holdings: Iterable[tuple[int, int]]) -> KindStats:
    counts = tally.counts
    held = list(holdings)
    hits = int(sum(n for name, n in counts.items() if name.startswith(HIT)))
    misses = int(sum(n for name, n in counts.items() if name.startswith(MISS)))
    coalesced = int(counts[COALESCED])
    answered = hits + coalesced + misses
    return KindStats(
        kind=kind,
        entries=sum(entries for entries, _ in held),
        bytes=sum(size for _, size in held),
        hits=hits,
        coalesced=coalesced,
        misses=misses,
        bypassed=int(counts[BYPASSED]),
        hit_rate=(hits + coalesced) / answered if answered else None,
        hit_ms=percentiles(tally.latencies["hit"]),
        miss_ms=percentiles(tally.latencies["miss"]),
        saved_ms=counts[SAVED_MS],
    )
