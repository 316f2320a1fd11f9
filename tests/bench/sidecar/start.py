"""From a process's start to its answer to `initialize`, beside a bare pygls server.

Both run in the project's own .venv, as an extension starts them: a fresh process, pipes, a folder.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.cache.report import Bar, Section
from tests.lsp.framing import Frames

SIDECAR = (sys.executable, "-m", "refrain_sidecar")
BARE = (
    sys.executable,
    "-c",
    "from pygls.lsp.server import LanguageServer\n"
    "server = LanguageServer('bare', '0')\n"
    "server.start_io()\n",
)
BARE_STARTS, STARTS = "bare pygls, initialize", "the sidecar, initialize"
READY = "the sidecar, first statistics"
# What has to hold beside a bare server, that of the project.
RATIO = 1.2


def answered_ms(command: tuple[str, ...], folder: Path, *, first_stats: bool = False) -> float:
    """Until `initialize` is answered, or also the first request for statistics, in ms."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        frames = Frames(process)
        frames.initialize(folder.as_uri())
        if first_stats:
            frames.send({"method": "initialized", "params": {}})
            frames.request("refrain/stats", {})
        return (time.perf_counter() - began) * 1000
    finally:
        # In order, so that its engine does not run into the next one's start.
        process.communicate()


def measure(folder: Path, starts: int) -> Section:
    """`starts` of each, in turns: the median counts, for a busy machine makes some of them late."""
    taken: dict[str, list[float]] = {BARE_STARTS: [], STARTS: [], READY: []}
    for _ in range(starts):
        taken[BARE_STARTS].append(answered_ms(BARE, folder))
        taken[STARTS].append(answered_ms(SIDECAR, folder))
        taken[READY].append(answered_ms(SIDECAR, folder, first_stats=True))
    p50 = {what: statistics.median(ms) for what, ms in taken.items()}
    return Section(
        "start",
        "From the start of a process to its answer",
        ("what", "p50, ms", "least, ms"),
        tuple((what, f"{p50[what]:.0f}", f"{min(ms):.0f}") for what, ms in taken.items()),
        (
            Bar(
                "initialize, ratio to a bare pygls server",
                p50[STARTS] / p50[BARE_STARTS],
                "≤",
                RATIO,
            ),
        ),
        {"starts": starts, "p50_ms": {what: round(ms, 1) for what, ms in p50.items()}},
    )
