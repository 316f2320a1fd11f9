"""What the proxy adds to what it only passes on: to an answer at once, and to a paced stream."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Final

from rich.progress import track
from tests.bench.cache.report import Bar, Section
from tests.bench.serve.questions import JSON, PATH, STREAM, request
from tests.bench.serve.wire import Wire

DIRECT, OFF = "direct", "refrain, policy off"
_PATHS: Final = {DIRECT: PATH, OFF: f"/off{PATH}"}


def measure(upstream: str, refrain: str, times: int, streams: int) -> Section:
    """Both by turns, over one connection each."""
    urls = {DIRECT: upstream, OFF: refrain}
    with Wire(upstream) as direct, Wire(refrain) as off:
        wires = {DIRECT: direct, OFF: off}
        at_once = _took(wires, JSON, times, "Passing on")
        paced = _took(wires, STREAM, streams, "Passing streams on")
    added = at_once[OFF] - at_once[DIRECT]
    return Section(
        name="passing",
        title="What is only passed on, p50",
        headings=("", "JSON, ms", "stream, ms"),
        rows=tuple((name, f"{at_once[name]:.2f}", f"{paced[name]:.1f}") for name in urls),
        bars=(
            Bar("added to a JSON answer, ms", added, "≤", 3),
            Bar("added to a stream, %", (paced[OFF] / paced[DIRECT] - 1) * 100, "<", 1),
        ),
        figures={
            "json_ms": {name: round(ms, 3) for name, ms in at_once.items()},
            "stream_ms": {name: round(ms, 2) for name, ms in paced.items()},
        },
    )


def _took(wires: Mapping[str, Wire], body: bytes, times: int, title: str) -> dict[str, float]:
    took: dict[str, list[float]] = {name: [] for name in wires}
    for _ in track(range(times), description=title):
        bodies = set()
        for name, wire in wires.items():
            reply = wire.ask(request(body, _PATHS[name]))
            took[name].append(reply.whole * 1e3)
            bodies.add(reply.body)
        if len(bodies) != 1:
            raise RuntimeError("What was passed on is not what upstream sent.")
    return {name: median(ms) for name, ms in took.items()}
