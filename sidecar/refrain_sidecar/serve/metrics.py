"""The figures in Prometheus' formats.

Labels are endpoints and outcomes, which are few and ours. Clients and models name themselves: each
new name would be one more series for ever, so only the page tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from refrain_cache.accounts.stats import CacheStats
from refrain_sidecar import __version__
from refrain_sidecar.serve.figures import Counts, Figures, InFlight


def exposition(
    figures: Figures,
    in_flight: Sequence[InFlight],
    about: Mapping[str, Any],
    stats: CacheStats,
    *,
    accept: str,
) -> tuple[bytes, str]:
    """The figures in the format that `accept` asks for, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Figures(figures, in_flight, about, stats))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


_OUTCOMES: dict[str, Callable[[Counts], int]] = {
    "hit": lambda counts: counts.hits,
    "coalesced": lambda counts: counts.coalesced,
    "miss": lambda counts: counts.misses,
    "passed": lambda counts: counts.passed,
}
# By endpoint each: its name, what it is, how to count it.
_COUNTERS: tuple[tuple[str, str, Callable[[Counts], float]], ...] = (
    ("saved_seconds", "Time upstream took for what was replayed.", lambda c: c.saved_ms / 1000),
    (
        "saved_tokens",
        "Tokens not read or generated again.",
        lambda c: c.saved_tokens,
    ),
    ("would_hit_requests", "Passed requests that policy all would replay.", lambda c: c.would_hit),
    ("would_save_seconds", "Time that policy all would save.", lambda c: c.would_save_ms / 1000),
    ("unkept_answers", "Answers that could not be stored.", lambda c: c.unkept),
    ("upstream_errors", "Answers that upstream never gave.", lambda c: c.errors),
)


@frozen(eq=False)
class _Figures(Collector):
    figures: Figures
    in_flight: Sequence[InFlight]
    about: Mapping[str, Any]
    stats: CacheStats

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("refrain_build", "This proxy.", {"version": __version__})
        yield from self._counters()
        yield from self._gauges()

    def _counters(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "refrain_requests",
            "Requests to cacheable endpoints by what came of them.",
            labels=["endpoint", "outcome"],
        )
        endpoints = self.figures.endpoints
        for endpoint, counts in endpoints.items():
            for outcome, count in _OUTCOMES.items():
                requests.add_metric([endpoint, outcome], count(counts))
        yield requests
        for name, documentation, value in _COUNTERS:
            family = CounterMetricFamily(f"refrain_{name}", documentation, labels=["endpoint"])
            for endpoint, counts in endpoints.items():
                family.add_metric([endpoint], value(counts))
            yield family
        yield CounterMetricFamily(
            "refrain_passed_through_requests",
            "Requests to any other path.",
            self.figures.passed_through,
        )

    def _gauges(self) -> Iterator[Metric]:
        waiting = sum(request.waiting for request in self.in_flight)
        for name, documentation, value in (
            ("in_flight_requests", "Requests that upstream is answering.", len(self.in_flight)),
            ("in_flight_clients", "Clients that wait for those.", waiting),
            ("cache_entries", "Stored answers of every kind.", self.stats.entries),
            ("cache_bytes", "What they take.", self.stats.bytes),
            ("cache_max_bytes", "What they may take.", self.stats.max_bytes),
            ("cache_usable", "1 if answers are kept.", self.stats.state.mode == "on"),
            ("upstream_up", "1 if upstream answered when last asked.", self.about["reachable"]),
            ("start_time_seconds", "When counting began, since the epoch.", self.figures.since),
        ):
            yield GaugeMetricFamily(f"refrain_{name}", documentation, float(value))
