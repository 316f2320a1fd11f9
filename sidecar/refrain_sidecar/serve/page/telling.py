"""What the page is told, as JSON. Pure: figures in, plain dicts, lists, numbers and texts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from refrain_cache.accounts.stats import CacheStats
from refrain_sidecar.serve.figures import Counts, Figures, InFlight

# More rows than anybody reads; clients and models bring names of their own making.
_MOST_ROWS = 50
# So many requests without one that came before are no chance.
_TELLING_REQUESTS = 20


def told(
    figures: Figures,
    in_flight: Sequence[InFlight],
    about: Mapping[str, Any],
    stats: CacheStats,
    now: float,
) -> dict[str, Any]:
    """All that the page shows but the entries. Moments in seconds since the epoch."""
    return {
        "now": now,
        "since": figures.since,
        "about": dict(about),
        "totals": _counted(figures.totals),
        "passed_through": figures.passed_through,
        "clients": _rows(figures.clients),
        "models": _rows(figures.models),
        "endpoints": _rows(figures.endpoints),
        "minutes": [{"at": at, **_counted(c)} for at, c in sorted(figures.minutes.items())],
        "in_flight": [attrs.asdict(request) for request in in_flight[:_MOST_ROWS]],
        "in_flight_total": len(in_flight),
        "cache": {
            "mode": stats.state.mode,
            "reason": stats.state.reason,
            "entries": stats.entries,
            "bytes": stats.bytes,
            "kinds": [kind.kind for kind in stats.kinds if kind.entries],
        },
    }


def never_hits(counts: Counts) -> bool:
    """Whether every one of many requests differed from all before, as with a time in the prompt."""
    again = counts.hits + counts.coalesced + counts.would_hit
    return not again and counts.requests - counts.errors >= _TELLING_REQUESTS


def hit_rate(counts: Counts) -> float | None:
    """The share of requests that may be replayed for which upstream was not asked; None: none."""
    spared = counts.hits + counts.coalesced
    may = spared + counts.misses
    return spared / may if may else None


def _counted(counts: Counts) -> dict[str, Any]:
    return {
        **attrs.asdict(counts),
        "requests": counts.requests,
        "hit_rate": hit_rate(counts),
        "never_hits": never_hits(counts),
    }


def _rows(named: Mapping[str, Counts]) -> list[dict[str, Any]]:
    most = sorted(named.items(), key=lambda row: (-row[1].requests, row[0]))
    return [{"name": name, **_counted(counts)} for name, counts in most[:_MOST_ROWS]]
