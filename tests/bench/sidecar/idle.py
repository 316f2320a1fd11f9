"""What the sidecar and its engine cost while nobody asks anything."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import psutil
from tests.bench.cache.report import Bar, Section
from tests.bench.sidecar.start import SIDECAR
from tests.lsp.framing import Frames

TEXT = "The harbour lay still this morning and I was glad of it."
# Once so long has gone by without work, what is done after a start has been done.
REST_S = 5.0
# Of a core, in percent: what has to hold, that of the project.
LIMIT = 0.1


def measure(folder: Path, seconds: float) -> Section:
    """The processor's time over `seconds` behind one enrichment, with the model loaded."""
    process = subprocess.Popen(
        SIDECAR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        frames = Frames(process)
        # The editor's process is watched: here that is this one.
        frames.initialize(folder.as_uri(), os.getpid())
        frames.send({"method": "initialized", "params": {}})
        frames.request("refrain/enrich", {"text": TEXT})
        sidecar = psutil.Process(process.pid)
        (engine,) = sidecar.children()
        _rest(sidecar, engine)
        before = {one: _spent_ms(one) for one in (sidecar, engine)}
        time.sleep(seconds)
        spent = {one: _spent_ms(one) - before[one] for one in (sidecar, engine)}
        frames.rest()
    finally:
        process.kill()
        process.wait()
    percent = {
        name: spent[one] / seconds / 10 for name, one in (("sidecar", sidecar), ("engine", engine))
    }
    return Section(
        "idle",
        f"Idle for {seconds:g} s",
        ("process", "processor's time, ms", "of a core, %"),
        (
            ("sidecar", f"{spent[sidecar]:.0f}", f"{percent['sidecar']:.3f}"),
            ("its engine", f"{spent[engine]:.0f}", f"{percent['engine']:.3f}"),
        ),
        (Bar("sidecar and engine, percent of a core", sum(percent.values()), "<", LIMIT),),
        {"seconds": seconds, "percent": {name: round(one, 4) for name, one in percent.items()}},
    )


def _rest(*processes: psutil.Process) -> None:
    """Wait until they have done next to nothing for `REST_S`."""
    while True:
        before = sum(map(_spent_ms, processes))
        time.sleep(REST_S)
        if sum(map(_spent_ms, processes)) - before <= REST_S * 1000 * LIMIT / 100 * 10:
            return


def _spent_ms(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system) * 1000
