"""Tallies in the file: every process adds its own to rows per minute, hour and all time."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from refrain_cache.accounts.counters import COALESCED, HIT, MINUTE_S, MISS, SAVED_MS, MinuteTallies
from refrain_cache.accounts.stats import StatsWindow, TimelinePoint
from refrain_cache.accounts.tally import Tallies, Tally
from refrain_cache.sqlite.reader import ReadConnection
from refrain_cache.sqlite.writer import Transaction

_HOUR_S, _DAY_S = 3600, 86_400
_ALL_TIME = 0


@frozen
class _Reading:
    """Where a window's figures are: counts by minute, latencies by the coarsest grain that fits."""

    span_s: int | None
    count_grain: int
    latency_grain: int


_READINGS: dict[StatsWindow, _Reading] = {
    "hour": _Reading(_HOUR_S, MINUTE_S, MINUTE_S),
    "day": _Reading(_DAY_S, MINUTE_S, _HOUR_S),
    "all": _Reading(None, _ALL_TIME, _ALL_TIME),
}
# How many spans in which something was counted are kept: those of the longest window, and some.
# Not how old they may get: a clock that is ahead for a while would take a day's figures with it.
_KEPT_SPANS = (
    ("tally", MINUTE_S, (_DAY_S + _HOUR_S) // MINUTE_S),
    ("latency", MINUTE_S, 2 * _HOUR_S // MINUTE_S),
    ("latency", _HOUR_S, (_DAY_S + _HOUR_S) // _HOUR_S),
)


def add(transaction: Transaction, minutes: Iterable[MinuteTallies]) -> None:
    """Add what was counted since the last flush."""
    counts: list[tuple[object, ...]] = []
    latencies: list[tuple[object, ...]] = []
    for minute in minutes:
        hour = minute.start // _HOUR_S * _HOUR_S
        for (kind, model), tally in minute.tallies.items():
            for name, n in tally.counts.items():
                counts.append((MINUTE_S, minute.start, kind, model, name, n))
                counts.append((_ALL_TIME, 0, kind, model, name, n))
            for series, buckets in tally.latencies.items():
                for bucket, n in buckets.items():
                    for grain, start in ((MINUTE_S, minute.start), (_HOUR_S, hour), (_ALL_TIME, 0)):
                        latencies.append((grain, start, kind, model, series, bucket, n))
    transaction.conn.executemany(
        "INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
        counts,
    )
    transaction.conn.executemany(
        "INSERT INTO latency VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET n = n + excluded.n",
        latencies,
    )


def prune(transaction: Transaction) -> None:
    """Drop the rows no window reads any more. Worth doing once a minute."""
    for table, grain, kept in _KEPT_SPANS:
        transaction.conn.execute(
            # The maximum, not a LIMIT 1: SQLite 3.40 loses the OFFSET of such a subquery.
            f"DELETE FROM {table} WHERE grain = ?1 AND start <= (SELECT max(start) FROM ("
            f"SELECT DISTINCT start FROM {table} WHERE grain = ?1 "
            "ORDER BY start DESC LIMIT -1 OFFSET ?2))",
            (grain, kept),
        )


@frozen
class Rolled:
    """One window as the file has it; `since` is the moment it begins."""

    tallies: Tallies
    timeline: list[TimelinePoint]
    since: float


def read(conn: ReadConnection, window: StatsWindow, now: float) -> Rolled:
    """What every process counted in a window. Its cost depends on the window, never on entries."""
    reading = _READINGS[window]
    ((begun_at,),) = conn.execute("SELECT value FROM fact WHERE name = 'begun_at'")
    since = begun_at if reading.span_s is None else now - reading.span_s
    tallies: Tallies = {}
    for kind, model, name, n in conn.execute(
        "SELECT kind, model, name, sum(n) FROM tally WHERE grain = ? AND start BETWEEN ? AND ? "
        "GROUP BY kind, model, name",
        (reading.count_grain, _first(since, reading.count_grain), now),
    ):
        tallies.setdefault((kind, model), Tally()).counts[name] = n
    for kind, model, series, bucket, n in conn.execute(
        "SELECT kind, model, series, bucket, sum(n) FROM latency "
        "WHERE grain = ? AND start BETWEEN ? AND ? GROUP BY kind, model, series, bucket",
        (reading.latency_grain, _first(since, reading.latency_grain), now),
    ):
        tallies.setdefault((kind, model), Tally()).latencies[series][bucket] = n
    # "All time" has no minutes of its own: its timeline is the last day's.
    timeline_from = max(since, now - _DAY_S)
    points = [
        TimelinePoint(start, int(hits), int(misses), saved)
        for start, hits, misses, saved in conn.execute(
            "SELECT start, total(n) FILTER (WHERE name LIKE ? OR name = ?), "
            "total(n) FILTER (WHERE name LIKE ?), total(n) FILTER (WHERE name = ?) "
            "FROM tally WHERE grain = ? AND start BETWEEN ? AND ? GROUP BY start ORDER BY start",
            (
                *(HIT + "%", COALESCED, MISS + "%", SAVED_MS),
                *(MINUTE_S, _first(timeline_from, MINUTE_S), now),
            ),
        )
    ]
    return Rolled(tallies, points, since)


def _first(since: float, grain: int) -> int:
    # The span in which the window begins counts whole: a minute too many, never one too few.
    return int(since // grain * grain) if grain else 0
