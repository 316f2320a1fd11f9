"""`refrain serve` as people run it: a process of its own, ended by Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from attrs import frozen

MIB = 1024 * 1024


@frozen
class Served:
    """A proxy in a process of its own; `said` is what it wrote once it has ended."""

    url: str
    process: asyncio.subprocess.Process
    said: list[str]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def mib(self) -> float:
        """Its resident memory."""
        return psutil.Process(self.process.pid).memory_info().rss / MIB


@asynccontextmanager
async def served(
    folder: Path, upstream: str, *options: str, cache: Path | None = None
) -> AsyncIterator[Served]:
    """`refrain serve` in front of `upstream`; its answers are in `cache`, or in `folder`."""
    config = folder / "config" / "perf_config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"caching": {"cache_dir": str(cache or folder / "cache")}}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "refrain_sidecar.cli", "--config", str(config)),
        *("serve", "--port", "0", "--upstream", upstream, *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    first = ""
    while not first.startswith("Serving"):
        first = (await process.stdout.readline()).decode()
    proxy = Served(first.split()[1], process, [])
    try:
        yield proxy
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
        proxy.said.append(rest.decode())
    assert process.returncode == 0
    assert "Traceback" not in proxy.said[0]
