"""wrk, which asks one thing over and over on so many connections at once."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

from attrs import frozen
from tests.bench.serve.questions import PATH, request
from tests.bench.serve.wire import Wire

_SCRIPT: Final = """
wrk.method = "POST"
wrk.body = {body}
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer none"
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{{"requests":%d,"us":%d,"p50":%f,"errors":%d}}\\n',
    summary.requests, summary.duration, latency:percentile(50),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""
# More than any of them takes for an answer on each of its connections.
_LONGEST_S: Final = 60


@frozen
class Load:
    """What a server bore: answers a second, and half of them within `p50_ms`."""

    per_second: float
    p50_ms: float


def load(url: str, body: bytes, connections: int, seconds: int, folder: Path) -> Load:
    """Ask for so long, and longer while not every connection has its answer.

    Raises RuntimeError when any answer failed.
    """
    script = folder / "ask.lua"
    script.write_text(_SCRIPT.format(body=json.dumps(body.decode())), encoding="utf-8")
    while True:
        command = (
            *("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s"),
            *("--timeout", f"{_LONGEST_S}s", "-s", str(script), url + PATH),
        )
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        said = json.loads(done.stdout.splitlines()[-1])
        if said["requests"] >= connections and not said["errors"]:
            break
        if said["errors"] or seconds > _LONGEST_S:
            raise RuntimeError(f"{url} did not answer well: {done.stdout}")
        seconds *= 3
    with Wire(url) as wire:
        # It may still be at what nobody waits for any more, in the next one's turn.
        wire.ask(request(body))
    return Load(said["requests"] / said["us"] * 1e6, said["p50"] / 1e3)
