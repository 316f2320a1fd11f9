"""Milliseconds saved by each eviction policy on the same traces in the same number of bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rich.progress import Progress
from tests.bench.cache.playing import Played, play
from tests.bench.cache.report import Bar, Section
from tests.bench.cache.traces import TRACES, weight

from refrain_cache import CacheSettings

POLICIES: tuple[Literal["cost", "lru"], ...] = ("cost", "lru")
# The limit, as a share of what all answers of the trace would take.
_ROOM = 0.2


async def measure(folder: Path, length: int) -> tuple[Section, ...]:
    played: dict[tuple[str, str], Played] = {}
    files: list[float] = []
    limits: dict[str, int] = {}
    with Progress() as progress:
        task = progress.add_task("Playing traces", total=len(TRACES) * len(POLICIES))
        for name, trace in TRACES.items():
            limits[name] = max(65_536, int(weight(trace, length) * _ROOM))
            for policy in POLICIES:
                place = folder / f"{name} {policy}".replace(" ", "-")
                settings = CacheSettings(
                    cache_dir=place, max_bytes=limits[name], eviction=policy, memory_entries=0
                )
                played[name, policy] = await play(settings, trace(length))
                files.append((place / "perf_cache.db").stat().st_size / limits[name])
                progress.advance(task)
    rows = tuple(
        (
            name,
            f"{limits[name] / 1e6:.1f} MB",
            f"{_share(played[name, 'cost']):.1%}",
            f"{_share(played[name, 'lru']):.1%}",
            f"{_gain(played, name):.3f}×",
        )
        for name in TRACES
    )
    fullest = max(one.fullest for one in played.values())
    section = Section(
        "policies",
        f"Share of the milliseconds saved, traces of {length:,} questions",
        ("trace", "limit", "cost", "lru", "cost to lru"),
        rows,
        (
            *(
                Bar(f"{name}: ms saved by cost, ratio to lru", _gain(played, name), ">", 1)
                for name in TRACES
            ),
            Bar("bytes held at the fullest, share of the limit", fullest, "≤", 1.05),
        ),
        {
            "length": length,
            "gain": {name: round(_gain(played, name), 4) for name in TRACES},
            "saved_ms": {f"{n}, {p}": round(one.saved_ms) for (n, p), one in played.items()},
            "hits": {f"{n}, {p}": one.hits for (n, p), one in played.items()},
            "fullest": round(fullest, 4),
            "largest_file": round(max(files), 4),
        },
        (
            f"Held bytes were looked at after every store. The database file came to "
            f"{max(files):.2f} of the limit at the most.",
        ),
    )
    return (section,)


def _share(one: Played) -> float:
    return one.saved_ms / one.asked_ms


def _gain(played: dict[tuple[str, str], Played], name: str) -> float:
    return played[name, "cost"].saved_ms / played[name, "lru"].saved_ms
