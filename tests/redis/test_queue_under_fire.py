"""A batch over workers that are killed and stopped all the time, and a server that is killed, too.

The kept run is small; REFRAIN_QUEUE_JOBS=2000 makes it the whole one, of some three minutes.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

from attrs import define, field
from tests.redis.engines import WaitingEngine, waiting_engine
from tests.redis.hosts import Command, Host, read
from tests.redis.programs import Kind
from tests.redis.serving import RealServer, serving

JOBS = int(os.environ.get("REFRAIN_QUEUE_JOBS", "100"))
POISONED = 5
WORKERS = 6
WAIT_S = 0.08
CLAIM_S = 3.0
# A worker may be lost at one job more than once by chance.
QUEUE = {"claim_seconds": CLAIM_S, "tries": 5}


@define
class Crew:
    """Workers on hosts of their own; one that was killed is started again."""

    hosts: list[Host]
    kills: int = 0
    stops: int = 0
    at_work: dict[int, Command] = field(factory=dict)

    async def start(self, number: int) -> None:
        host = self.hosts[number]
        self.at_work[number] = await host.start("worker", "--queue", "--concurrency", "1")

    async def harm_one(self, chance: random.Random) -> None:
        """Kill a worker, or stop it for longer than its claim lasts."""
        number = chance.randrange(len(self.hosts))
        worker = self.at_work[number]
        if chance.random() < 0.5:
            self.kills += 1
            worker.send(signal.SIGKILL)
            await worker.status()
            await self.start(number)
        else:
            self.stops += 1
            worker.send(signal.SIGSTOP)
            await asyncio.sleep(CLAIM_S + 1)
            worker.send(signal.SIGCONT)


def line(number: int) -> dict[str, object]:
    text = f"On walk {number:05d} I saw the sea and felt glad."
    return {"rid": number, "normalized_text": text}


async def test_nothing_is_lost_or_doubled(kind: Kind, tmp_path: Path) -> None:
    chance = random.Random(7)
    with serving(kind, aof=True) as server:
        async with waiting_engine(WAIT_S) as (engine, url):
            submitter = Host(tmp_path / "submitter")
            crew = Crew([Host(tmp_path / f"host{number}") for number in range(WORKERS)])
            for host in (submitter, *crew.hosts):
                host.configure(server.url, url, queue=QUEUE)
            lines = [line(number) for number in range(JOBS)]
            for number, at in enumerate(chance.sample(range(JOBS), POISONED)):
                lines.insert(at, {"rid": f"bad {number}", "normalized_text": f"poison {number}"})
            file = submitter.write("in.jsonl", lines)
            try:
                await asyncio.gather(*(crew.start(number) for number in range(WORKERS)))
                submit = await submitter.start("submit", file, "-o", "out.jsonl")
                await _harm(crew, server, submit, chance, submitter.folder / "out.jsonl")
                assert await submit.status() == 1, submit.said()
                await _check(engine, crew, server, submitter)
            finally:
                for host in (submitter, *crew.hosts):
                    await host.close()


async def _harm(
    crew: Crew, server: RealServer, submit: Command, chance: random.Random, out: Path
) -> None:
    """Harm a worker a second until all is done, and the server after one and two thirds."""
    restarts = iter((JOBS // 3, 2 * JOBS // 3))
    restart_at = next(restarts)
    harmed: set[asyncio.Task[None]] = set()
    while submit.process.returncode is None:
        task = asyncio.create_task(crew.harm_one(chance))
        harmed.add(task)
        for _ in range(20):
            await asyncio.sleep(0.05)
            done = out.read_bytes().count(b"\n") if out.exists() else 0
            if done >= restart_at:
                restart_at = next(restarts, JOBS * 2)
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(server.start)
    await asyncio.gather(*harmed)


async def _check(engine: WaitingEngine, crew: Crew, server: RealServer, submitter: Host) -> None:
    results = read(submitter.folder / "out.jsonl")
    assert [one["rid"] for one in results] == list(range(JOBS))
    for number, one in enumerate(results):
        assert one["normalized_text"] == line(number)["normalized_text"]
        assert one["wheel"]["primary"]
        assert len(one["post_enrichment"]["poem"]) == 3

    with server.client() as client:
        letters = client.xrange("refrain:{queue}:dead")
    texts = sorted(fields[b"job"].decode().partition("poison ")[2][:1] for _, fields in letters)
    assert texts == [str(number) for number in range(POISONED)]

    runs = [engine.runs(f"walk {number:05d}") for number in range(JOBS)]
    doubled = sum(count - 1 for count in runs)
    print(
        f"{server.kind}: {JOBS} results, {crew.kills} workers killed and {crew.stops} stopped, "
        f"{doubled} done twice, {len(letters)} dead letters"
    )
    assert min(runs) == 1
    assert doubled <= crew.kills + crew.stops
