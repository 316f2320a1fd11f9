"""What each candidate bears when it has the answer, and how soon its stream begins."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final

from rich.progress import track
from tests.bench.cache.report import Bar, Section
from tests.bench.serve.load import Load, load
from tests.bench.serve.questions import JSON, STREAM, request
from tests.bench.serve.wire import Wire

REFRAIN, BARE, NGINX, LITELLM = "refrain", "bare Starlette route", "nginx proxy_cache", "LiteLLM"
CONNECTIONS: Final = (1, 16, 64)
ASKED: Final = {"json": JSON, "stream": STREAM}

# By answer, connections and candidate.
Loads = dict[tuple[str, int, str], Load]


def warm(urls: Mapping[str, str]) -> None:
    """Ask all once, and see that ours gives back upstream's bytes from then on."""
    for body in ASKED.values():
        bodies = {}
        for name, url in urls.items():
            with Wire(url) as wire:
                wire.ask(request(body))
                reply = wire.ask(request(body))
            if b" 200 " not in reply.head.partition(b"\r\n")[0]:
                raise RuntimeError(f"{name}: {reply.raw[:500]!r}")
            bodies[name] = reply.body
            if name == REFRAIN and b"refrain; hit" not in reply.head:
                raise RuntimeError(f"No hit: {reply.head!r}")
        if not bodies[REFRAIN] == bodies[BARE] == bodies[NGINX]:
            raise RuntimeError("The candidates do not answer alike.")


def measure(
    urls: Mapping[str, str], folder: Path, rounds: int, seconds: int, firsts: int
) -> tuple[Section, ...]:
    """Each candidate in turn, in another order each round; medians over the rounds."""
    rng = random.Random(7)
    taken: dict[tuple[str, int, str], list[Load]] = {}
    turns = [(a, c, n) for _ in range(rounds) for a in ASKED for c in CONNECTIONS for n in urls]
    rng.shuffle(turns)
    for answer, connections, name in track(turns, description="Hits"):
        found = load(urls[name], ASKED[answer], connections, seconds, folder)
        taken.setdefault((answer, connections, name), []).append(found)
    loads = {
        at: Load(median(one.per_second for one in found), median(one.p50_ms for one in found))
        for at, found in taken.items()
    }
    titles = {"json": "Hits of a JSON answer", "stream": "Hits of a stream"}
    sections = [_section(answer, title, loads, list(urls)) for answer, title in titles.items()]
    return (*sections, _first_bytes(urls, firsts, rng))


def _section(answer: str, title: str, loads: Loads, names: list[str]) -> Section:
    def worst(name: str) -> float:
        ratios = [
            loads[answer, number, REFRAIN].per_second / loads[answer, number, name].per_second
            for number in CONNECTIONS
        ]
        return min(ratios)

    rows = [
        (
            name,
            *(
                f"{found.per_second:,.0f}/s {found.p50_ms:,.{0 if found.p50_ms >= 10 else 2}f} ms"
                for found in (loads[answer, number, name] for number in CONNECTIONS)
            ),
        )
        for name in names
    ]
    return Section(
        name=answer,
        title=f"{title}, one process each: answers a second and p50",
        headings=("", *(f"{number} at once" for number in CONNECTIONS)),
        rows=tuple(rows),
        bars=(
            Bar("answers a second to the bare route's, at worst", worst(BARE), "≥", 0.4),
            Bar("answers a second to LiteLLM's, at worst", worst(LITELLM), "≥", 30),
        ),
        figures={
            name: {
                str(number): {
                    "per_second": round(loads[answer, number, name].per_second),
                    "p50_ms": round(loads[answer, number, name].p50_ms, 3),
                }
                for number in CONNECTIONS
            }
            for name in names
        },
    )


def _first_bytes(urls: Mapping[str, str], times: int, rng: random.Random) -> Section:
    asked = request(STREAM)
    firsts: dict[str, list[float]] = {name: [] for name in urls}
    wholes: dict[str, list[float]] = {name: [] for name in urls}
    wires = {name: Wire(url) for name, url in urls.items()}
    for _ in track(range(times), description="First bytes"):
        for name in rng.sample(list(urls), len(urls)):
            reply = wires[name].ask(asked)
            firsts[name].append(reply.first * 1e3)
            wholes[name].append(reply.whole * 1e3)
    for wire in wires.values():
        wire.close()
    first = {name: median(took) for name, took in firsts.items()}
    whole = {name: median(took) for name, took in wholes.items()}
    return Section(
        name="first",
        title="A streamed hit over one connection, p50",
        headings=("", "first byte, ms", "last byte, ms"),
        rows=tuple((name, f"{first[name]:.2f}", f"{whole[name]:.2f}") for name in urls),
        bars=(Bar("first byte to the bare route's", first[REFRAIN] / first[BARE], "≤", 2),),
        figures={
            name: {"first_ms": round(first[name], 3), "whole_ms": round(whole[name], 3)}
            for name in urls
        },
    )
