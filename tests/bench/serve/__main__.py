"""`make bench-serve`: the proxy beside nginx, LiteLLM and a bare route, all in one run.

Read the ratios: they took turns on the same machine, upstream gives out recorded answers, and wrk
asks. The last line is one JSON object. QUICK=1 makes it smaller: to see that it runs, not to quote.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from attrs import frozen
from rich.console import Console
from tests.bench.cache.report import Section
from tests.bench.serve import hits, passing, servers


@frozen
class Sizes:
    """How much of everything: `seconds` of each load, in each of `rounds`."""

    rounds: int
    seconds: int
    firsts: int
    passes: int
    streams: int


FULL = Sizes(rounds=3, seconds=2, firsts=200, passes=1000, streams=15)
QUICK = Sizes(rounds=1, seconds=1, firsts=20, passes=50, streams=2)
CANDIDATES = {
    hits.REFRAIN: servers.refrain,
    hits.NGINX: servers.nginx,
    hits.LITELLM: servers.litellm,
}


def measure(folder: Path, sizes: Sizes) -> list[Section]:
    with ExitStack() as stack:
        upstream = stack.enter_context(servers.printing("tests.bench.serve.upstream"))
        urls = {hits.BARE: stack.enter_context(servers.printing("tests.bench.serve.bare"))}
        for name, start in CANDIDATES.items():
            place = folder / start.__name__
            place.mkdir()
            urls[name] = stack.enter_context(start(place, upstream))
        hits.warm(urls)
        return [
            *hits.measure(urls, folder, sizes.rounds, sizes.seconds, sizes.firsts),
            passing.measure(upstream, urls[hits.REFRAIN], sizes.passes, sizes.streams),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-serve", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, three minutes")
    quick = parser.parse_args().quick or bool(os.environ.get("QUICK"))
    console = Console()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="refrain-bench-") as folder:
        sections = measure(Path(folder), QUICK if quick else FULL)
    for section in sections:
        section.print_on(console)
    print(
        json.dumps(
            {
                "bench": "serve",
                "quick": quick,
                "seconds": round(time.monotonic() - began),
                "python": platform.python_version(),
                "cores": os.cpu_count(),
                "peers": {
                    **{name: version(name) for name in ("starlette", "uvicorn")},
                    **{name: servers.version_of(name) for name in ("nginx", "litellm", "wrk")},
                },
                "missed": sum(not bar.holds for one in sections for bar in one.bars),
                "sections": {one.name: one.as_json() for one in sections},
            }
        )
    )


if __name__ == "__main__":
    main()
