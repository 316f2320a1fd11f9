"""A batch over one worker and over four, on a real Redis: texts a second, and their ratio.

    python -m tests.bench.queue                the engine's time is waited, so cores do not matter
    python -m tests.bench.queue --engine embedded     a real model, as it is on this machine

Each worker is a process with a cache of its own, as on a machine of its own. What it takes to start
does not count: times are those the server gives its entries, from the first result to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import tempfile
from pathlib import Path

from tests.redis.engines import waiting_engine
from tests.redis.hosts import Host
from tests.redis.programs import KINDS, Kind
from tests.redis.serving import RealServer, serving

FINISHED = "refrain:{queue}:finished"
# Three requests a text where nothing is stored, so 0.6 s of waiting.
WAIT_S = 0.2


async def texts_per_second(
    server: RealServer, folder: Path, engine: str | None, workers: int, texts: int
) -> float:
    """The rate of a batch once every worker has had its first text."""
    hosts = [Host(folder / f"{workers}-{number}") for number in range(workers + 1)]
    for host in hosts:
        if engine is None:
            host.configure(server.url, inference={"engine": "embedded", "num_threads": 1})
        else:
            host.configure(server.url, engine)
    submitter, *at_work = hosts
    with server.client() as client:
        client.flushall()
        try:
            crew = [await host.start("worker", "--queue", "-j", "1") for host in at_work]
            await _submit(submitter, "warm", 3 * workers)
            warm = client.xlen(FINISHED)
            await _submit(submitter, f"{workers} at work", texts)
            times = [int(entry.partition(b"-")[0]) for entry, _ in client.xrange(FINISHED)][warm:]
            for worker in crew:
                worker.send(signal.SIGTERM)
                await worker.status()
        finally:
            for host in hosts:
                await host.close()
    return (len(times) - 1) * 1000 / (times[-1] - times[0])


async def _submit(host: Host, about: str, texts: int) -> None:
    lines = (
        {"rid": f"{about} {n}", "normalized_text": f"On day {n} ({about}) I felt glad by the sea."}
        for n in range(texts)
    )
    file = host.write("in.jsonl", lines)
    status, _, said = await host.run("submit", file, "-o", f"{about}.jsonl")
    assert status == 0, said


async def measure(kind: Kind, engine: str, texts: int) -> dict[str, float | str]:
    rates = {}
    with serving(kind, aof=True) as server, tempfile.TemporaryDirectory() as folder:
        async with waiting_engine(WAIT_S) as (_, url):
            for workers in (1, 4):
                given = url if engine == "waiting" else None
                count = texts * workers if engine == "waiting" else texts
                rates[workers] = await texts_per_second(server, Path(folder), given, workers, count)
                print(f"{kind}, {engine} engine, {workers} at work: {rates[workers]:.2f} texts/s")
    ratio = rates[4] / rates[1]
    print(f"{ratio:.2f} times one worker")
    return {
        "server": kind, "engine": engine, "one": rates[1], "four": rates[4], "ratio": ratio
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("waiting", "embedded"), default="waiting")
    parser.add_argument("--server", choices=KINDS, default="redis")
    parser.add_argument("--texts", type=int, default=20, help="a worker; in all with a real model")
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(measure(asked.server, asked.engine, asked.texts))))


if __name__ == "__main__":
    main()
