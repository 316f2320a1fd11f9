"""A hit in the editor's protocol beside a bare pygls server that echoes, over the same pipes.

Both servers run in the project's own .venv; what stands in this one speaks frames to them.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import track
from tests.bench.cache.report import Bar, Section
from tests.bench.cache.turns import TURN, shuffled
from tests.lsp.framing import Frames

PYTHON = str(Path(__file__).parents[3] / ".venv" / "bin" / "python")
SIDECAR = (PYTHON, "-m", "refrain_sidecar")
ECHO = (
    PYTHON,
    "-c",
    "from pygls.lsp.server import LanguageServer\n"
    "server = LanguageServer('echo', '0')\n"
    "for method in ('refrain/enrich', 'refrain/run'):\n"
    "    server.feature(method)(lambda params: params)\n"
    "server.start_io()\n",
)
TEXT = "The harbour lay still this morning and I was glad of it."
# What is asked, by its method.
PARAMS: dict[str, dict[str, Any]] = {
    "refrain/enrich": {"text": TEXT},
    "refrain/run": {"recipe": "line", "text": TEXT},
}
# A small model ends no answer by itself; a line does.
RECIPE = """\
---
options: { temperature: 0, num_predict: 200, stop: ["\\n"] }
---
Say this in one line: ${text}
"""
HIT, BARE = "{}, a hit", "{}, a bare echo"
WINDOW_S = 1.0

Taken = dict[str, list[int]]


@contextmanager
def server(command: tuple[str, ...], folder: Path) -> Iterator[Frames]:
    """A server on its pipes, initialized on `folder`."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        frames = Frames(process)
        frames.initialize(folder.as_uri())
        yield frames
        frames.rest()
    finally:
        process.kill()
        process.wait()


async def measure(folder: Path, minute_s: float) -> tuple[Section, ...]:
    """`minute_s`: how long after its start the sidecar is measured again, in seconds."""
    place = folder / "config" / "perf_config.json"
    place.parent.mkdir()
    config = {"inference": {"engine": "embedded"}, "caching": {"cache_dir": "./cache"}}
    place.write_text(json.dumps(config), encoding="utf-8")
    recipe = folder / ".refrain" / "recipes" / "line.recipe.md"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(RECIPE, encoding="utf-8")
    with server(SIDECAR, folder) as sidecar:
        for method in PARAMS:
            _outcomes(sidecar, method)
    with server(ECHO, folder) as echo, server(SIDECAR, folder) as sidecar:
        began = time.monotonic()
        # The first waits for the engine's process to start: until then nobody knows which it is.
        for method in PARAMS:
            if _outcomes(sidecar, method) != {"hit"}:
                raise AssertionError(f"What {method} gave before is no hit")
        waited_s = time.monotonic() - began
        asked: dict[str, Callable[[], Any]] = {}
        for method, params in PARAMS.items():
            asked[HIT.format(method)] = partial(sidecar.request, method, params)
            asked[BARE.format(method)] = partial(echo.request, method, params)
        first = _in_turns(asked)
        left_s = max(0.0, began + minute_s - time.monotonic())
        for _ in track(range(100), description="Waiting for the sidecar to come to rest"):
            await asyncio.sleep(left_s / 100)
        later = _in_turns(asked)
    first_us, later_us = _p50_us(first), _p50_us(later)
    bars = [
        Bar(f"{method}: a hit {when}, ratio to a bare echo", _ratio(us, method), "≤", 2)
        for method in PARAMS
        for when, us in (("in the first second", first_us), (f"after {minute_s:g} s", later_us))
    ]
    section = Section(
        "editor",
        "A hit in the editor's protocol, p50",
        ("request", "first second, µs", f"after {minute_s:g} s, µs"),
        tuple((name, f"{first_us[name]:.0f}", f"{later_us[name]:.0f}") for name in asked),
        tuple(bars),
        {
            "requests": [[len(taken[name]) for name in asked] for taken in (first, later)],
            "first_us": {name: round(us, 1) for name, us in first_us.items()},
            "later_us": {name: round(us, 1) for name, us in later_us.items()},
            "first_answer_after_s": round(waited_s, 2),
        },
        (f"The first answer of all came {waited_s:.2f} s after the start, with the engine.",),
    )
    return (section,)


def _ratio(us: dict[str, float], method: str) -> float:
    return us[HIT.format(method)] / us[BARE.format(method)]


def _in_turns(asked: dict[str, Callable[[], Any]]) -> Taken:
    """Nanoseconds of every request of the coming second, by server."""
    rng, taken = random.Random(7), Taken({name: [] for name in asked})
    until = time.monotonic() + WINDOW_S
    while time.monotonic() < until:
        for name in shuffled(rng, asked):
            for _ in range(TURN):
                began = time.perf_counter_ns()
                asked[name]()
                taken[name].append(time.perf_counter_ns() - began)
    return taken


def _p50_us(taken: Taken) -> dict[str, float]:
    return {name: statistics.median(times) / 1000 for name, times in taken.items()}


def _outcomes(sidecar: Frames, method: str) -> set[str]:
    """How each part of an answer came about."""
    result = sidecar.request(method, PARAMS[method])["result"]
    return {part["outcome"] for part in result.get("stages", [result])}
