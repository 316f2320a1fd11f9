"""`make bench-sidecar`: how soon the sidecar is there, and what it costs while nobody asks.

Started in turns with a bare pygls server, so the figure to read is the ratio. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path

from rich.console import Console
from tests.bench.sidecar import idle, start


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-sidecar", description=__doc__)
    parser.add_argument("--starts", type=int, default=15, help="starts of each server")
    parser.add_argument(
        "--seconds", type=float, default=60, help="how long it idles; 0: not at all"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refrain-bench-") as name:
        folder = Path(name)
        config = folder / "config" / "perf_config.json"
        config.parent.mkdir()
        sections = {"inference": {"engine": "embedded"}, "caching": {"cache_dir": "./cache"}}
        config.write_text(json.dumps(sections), encoding="utf-8")
        found = [start.measure(folder, given.starts)] if given.starts else []
        found += [idle.measure(folder, given.seconds)] if given.seconds else []
    console = Console()
    for section in found:
        section.print_on(console)
    print(
        json.dumps(
            {
                "bench": "sidecar",
                "python": platform.python_version(),
                "cores": os.cpu_count(),
                "missed": sum(not bar.holds for one in found for bar in one.bars),
                "sections": {one.name: one.as_json() for one in found},
            }
        )
    )


if __name__ == "__main__":
    main()
