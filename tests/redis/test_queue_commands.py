"""`refrain submit`, `refrain worker --queue` and `refrain queue`, as people use them."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from tests.redis.engines import WaitingEngine, waiting_engine
from tests.redis.hosts import Command, Host, read, until
from tests.redis.serving import RealServer, serving

JOBS = "refrain:{queue}:jobs"
QUICK = {"claim_seconds": 2}


@define
class Machines:
    """A server, an engine that takes its time, one who submits and one who works."""

    server: RealServer
    engine: WaitingEngine
    engine_url: str
    submitter: Host
    worker: Host

    def configure(self, **sections: Any) -> None:
        for host in (self.submitter, self.worker):
            host.configure(self.server.url, self.engine_url, **sections)

    async def work(self, *more: str) -> Command:
        return await self.worker.start("worker", "--queue", "-j", "2", *more)

    async def state(self) -> dict[str, Any]:
        status, out, said = await self.submitter.run("queue", "--json")
        assert status == 0, said
        found: dict[str, Any] = json.loads(out)
        return found

    @property
    def results(self) -> Path:
        return self.submitter.folder / "out.jsonl"

    async def until_results(self, count: int) -> None:
        await until(lambda: self.results.exists() and len(read(self.results)) >= count)

    async def until_jobs(self, count: int) -> None:
        """Wait until so many wait or run."""
        with self.server.client() as client:
            await until(lambda: client.xlen(JOBS) == count)

    async def until_running(self, count: int) -> None:
        """Wait until somebody is at so many at least."""
        with self.server.client() as client:
            await until(lambda: client.hlen("refrain:{queue}:since") >= count)


@pytest.fixture
async def machines(tmp_path: Path) -> AsyncIterator[Machines]:
    # What the queue asks of a server is tried on both kinds, step by step and under fire.
    with serving("redis", aof=True) as server:
        async with waiting_engine(0.03) as (engine, url):
            hosts = Host(tmp_path / "submitter"), Host(tmp_path / "worker")
            made = Machines(server, engine, url, *hosts)
            made.configure(queue=QUICK)
            yield made
            for host in hosts:
                await host.close()


def line(number: int) -> dict[str, Any]:
    return {"rid": number, "normalized_text": f"On walk {number:03d} I felt glad.", "x": [number]}


def lines(count: int) -> list[dict[str, Any]]:
    return [line(number) for number in range(count)]


async def test_a_recipe_goes_with_its_jobs(machines: Machines) -> None:
    """The worker has neither the recipe nor the schema beside it."""
    there = machines.submitter.folder / ".refrain" / "recipes"
    there.mkdir(parents=True)
    (there / "name.json").write_text(
        '{"type": "object", "properties": {"feeling": {"type": "string"}}, "required": ["feeling"]}'
    )
    (there / "name.recipe.md").write_text("---\noutput: name.json\n---\nName it: ${text}")
    file = machines.submitter.write("in.jsonl", [*lines(6), {**line(7), "inputs": 7}])
    worker = await machines.work()
    submit = ("submit", file, "--recipe", "name", "-o", "out.jsonl")
    status, _, said = await machines.submitter.run(*submit)

    assert status == 1
    assert 'line 7 skipped: "inputs" must be' in said
    found = read(machines.results)
    assert [one["rid"] for one in found] == list(range(6))
    assert all(one["output"] == {"feeling": "homesick"} for one in found)
    assert {one["recipe"] for one in found} == {"name"}
    asked = machines.engine.bodies("/api/chat")
    assert len([body for body in asked if "format" in body]) == 6

    worker.send(signal.SIGTERM)
    assert await worker.status() == 0
    assert (await machines.state())["dead"] == 1


async def test_a_recipe_that_is_not_there_is_not_submitted(machines: Machines) -> None:
    file = machines.submitter.write("in.jsonl", lines(2))
    status, _, said = await machines.submitter.run("submit", file, "--recipe", "absent")
    assert status == 1
    assert "There is no recipe 'absent'" in said
    assert (await machines.state())["waiting"] == 0


async def test_results_come_in_order_and_bad_lines_are_named(machines: Machines) -> None:
    file = machines.submitter.write(
        "in.jsonl", [*lines(12), "{", line(3), {"rid": "p", "normalized_text": "poison"}]
    )
    worker = await machines.work()
    status, out, said = await machines.submitter.run("submit", file, "-o", "out.jsonl")

    assert (status, out) == (1, "")
    assert "line 13 skipped: not JSON" in said
    assert "line 15 skipped:" in said
    assert "it went wrong" in said
    assert "12 enriched, 1 were done before, 2 skipped." in said
    found = read(machines.results)
    assert [one["rid"] for one in found] == list(range(12))
    assert found[3]["x"] == [3]
    assert list(found[0])[:3] == ["rid", "normalized_text", "x"]
    assert all(len(one["post_enrichment"]["poem"]) == 3 for one in found)
    state = await machines.state()
    assert (state["waiting"], state["running"], state["done"], state["dead"]) == (0, [], 12, 1)
    assert state["letters"][0]["attempts"] == 3

    worker.send(signal.SIGTERM)
    assert await worker.status() == 0
    assert "12 done, 2 failed and left to be tried again, 1 given up." in worker.said()
    assert "Traceback" not in worker.said() + said


async def test_stopped_half_way_it_goes_on_and_fetches_what_was_done_meanwhile(
    machines: Machines,
) -> None:
    file = machines.submitter.write("in.jsonl", lines(10))
    submit = await machines.submitter.start("submit", file, "-o", "out.jsonl")
    await machines.until_jobs(10)
    worker = await machines.work()
    await machines.until_results(2)
    submit.send(signal.SIGINT)
    assert await submit.status() == 130
    assert "the same command fetches it" in submit.said()
    assert len(read(machines.results)) < 10

    await machines.until_jobs(0)
    worker.send(signal.SIGTERM)
    await worker.status()
    # Nobody works any more: all that is missing is there already.
    status, _, said = await machines.submitter.run("submit", file, "-o", "out.jsonl")
    assert status == 0, said
    assert [one["rid"] for one in read(machines.results)] == list(range(10))
    assert [machines.engine.runs(f"walk {number:03d}") for number in range(10)] == [1] * 10
    with machines.server.client() as client:
        assert not client.keys("*result*")


async def test_a_full_queue_makes_submitters_wait(machines: Machines) -> None:
    machines.configure(queue={**QUICK, "max_length": 3})
    file = machines.submitter.write("in.jsonl", lines(9))
    submit = await machines.submitter.start("submit", file, "-o", "out.jsonl")
    await machines.until_jobs(3)
    await asyncio.sleep(1.5)
    with machines.server.client() as client:
        assert client.xlen(JOBS) == 3
    await machines.work()
    assert await submit.status() == 0
    assert [one["rid"] for one in read(machines.results)] == list(range(9))


async def test_two_who_submit_the_same_both_get_it(machines: Machines) -> None:
    file = machines.submitter.write("in.jsonl", lines(6))
    both = [
        await machines.submitter.start("submit", file, "-o", name)
        for name in ("out.jsonl", "other.jsonl")
    ]
    await machines.until_jobs(6)
    await machines.work()
    assert [await submit.status() for submit in both] == [0, 0]
    assert read(machines.results) == read(machines.submitter.folder / "other.jsonl")


async def test_only_stage_1_where_that_is_asked_for(machines: Machines) -> None:
    file = machines.submitter.write("in.jsonl", lines(1))
    await machines.work()
    status, out, said = await machines.submitter.run("submit", file, "--stages", "1")
    assert status == 0, said
    (found,) = map(json.loads, out.splitlines())
    assert found["wheel"]["primary"]
    assert "post_enrichment" not in found


async def test_told_to_stop_a_worker_ends_what_it_holds_and_told_twice_gives_it_back(
    machines: Machines,
) -> None:
    machines.configure()  # a claim of half a minute, time enough to end
    machines.engine.wait_s = 0.1
    file = machines.submitter.write("in.jsonl", lines(8))
    await machines.submitter.start("submit", file, "-o", "out.jsonl")
    await machines.until_jobs(8)
    worker = await machines.work()
    await machines.until_running(2)
    worker.send(signal.SIGTERM)
    assert await worker.status() == 0
    state = await machines.state()
    assert (state["running"], state["dead"]) == ([], 0)
    assert state["done"] + state["waiting"] == 8
    # What was begun was ended: nothing has to be done again.
    begun = [number for number in range(8) if machines.engine.runs(f"walk {number:03d}")]
    assert len(begun) == state["done"]

    machines.engine.wait_s = 60
    worker = await machines.work()
    await machines.until_running(2)
    running = (await machines.state())["running"]
    assert all(f":{worker.process.pid}" in one["who"] for one in running)
    worker.send(signal.SIGINT)
    await asyncio.sleep(0.3)
    worker.send(signal.SIGINT)
    assert await worker.status() == 130
    machines.engine.wait_s = 0
    await machines.work()
    await machines.until_results(8)
    assert [one["rid"] for one in read(machines.results)] == list(range(8))


async def test_what_a_dead_letter_says_and_how_it_is_tried_again(machines: Machines) -> None:
    machines.configure(queue={**QUICK, "tries": 1})
    file = machines.submitter.write("in.jsonl", [{"rid": 1, "normalized_text": "poison [b]x"}])
    await machines.work()
    assert (await machines.submitter.run("submit", file))[0] == 1
    status, _, said = await machines.submitter.run("submit", file)
    assert status == 1
    assert "a dead letter: see `refrain queue`" in said
    _, out, _ = await machines.submitter.run("queue")
    assert "0 waiting, 0 running, 0 done, 1 dead" in out
    assert "it went wrong" in out

    (id_,) = [one["id"] for one in (await machines.state())["letters"]]
    for arguments, told in (
        (("queue", "retry", "xyz"), "0 jobs put back"),
        (("queue", "retry", id_[:6]), "1 job put back"),
    ):
        assert told in (await machines.submitter.run(*arguments))[1]
    with machines.server.client() as client:
        await until(lambda: client.xlen("refrain:{queue}:dead"))
    # Three times a try: an engine that says that it failed may only be ending.
    assert machines.engine.runs("poison") == 6
    assert "1 job deleted" in (await machines.submitter.run("queue", "drop", "--yes"))[1]
    assert (await machines.state())["dead"] == 0


async def test_waiting_jobs_are_called_off(machines: Machines) -> None:
    file = machines.submitter.write("in.jsonl", lines(5))
    submit = await machines.submitter.start("submit", file, "-o", "out.jsonl")
    await machines.until_jobs(5)
    submit.send(signal.SIGINT)
    await submit.status()
    arguments = ("queue", "drop", "--waiting", "--yes")
    assert "5 jobs deleted" in (await machines.submitter.run(*arguments))[1]
    assert (await machines.state())["waiting"] == 0


HOSTILE: list[dict[str, bytes]] = [
    {"nonsense": b"x"},
    {"job": b""},
    {"job": b"\xff\xfe"},
    {"job": b"[" * 100_000},
    {"job": b"x" * 2_000_000},
    {"job": b'{"v":1,"run":"enrich","stages":[1],"line":{"rid":1}}'},
    {"job": b'{"v":1,"run":"enrich","stages":[1],"line":{"rid":1,"normalized_text":"\\ud800"}}'},
    {"job": b'{"v":1,"run":"shell","stages":[1],"line":{}}', "seal": b"\xff" * 1_000_000},
    {"job": b'{"v":9}', "id": b"\xff\n[red]"},
]


async def test_hostile_messages_become_dead_letters_and_work_goes_on(machines: Machines) -> None:
    with machines.server.client() as client:
        for message in HOSTILE:
            client.xadd(JOBS, message)  # type: ignore[arg-type]
    file = machines.submitter.write("in.jsonl", lines(2))
    worker = await machines.work()
    status, _, said = await machines.submitter.run("submit", file)
    assert status == 0, said
    state = await machines.state()
    assert (state["done"], state["dead"]) == (2, len(HOSTILE))
    assert all(one["reason"] and one["attempts"] == 1 for one in state["letters"])
    assert "Traceback" not in worker.said()
    assert (await machines.submitter.run("queue"))[0] == 0


async def test_with_a_secret_only_its_holders_are_believed(machines: Machines) -> None:
    secrets = machines.submitter.folder / "ours", machines.submitter.folder / "theirs"
    for secret in secrets:
        secret.write_text(secret.name)
    ours, theirs = ({"shared": {"secret_file": str(secret)}} for secret in secrets)
    file = machines.submitter.write("in.jsonl", lines(2))

    machines.configure(queue=QUICK, caching=ours)
    worker = await machines.work()
    assert (await machines.submitter.run("submit", file))[0] == 0
    machines.submitter.configure(machines.server.url, caching=theirs)
    file = machines.submitter.write("in.jsonl", [line(7)])
    status, _, said = await machines.submitter.run("submit", file)
    assert status == 1
    assert "not sealed with the secret" in said
    assert machines.engine.runs("walk 007") == 0

    worker.send(signal.SIGTERM)
    await worker.status()
    machines.configure(queue=QUICK)  # a worker without a secret
    await machines.work()
    machines.submitter.configure(machines.server.url, caching=ours)
    file = machines.submitter.write("in.jsonl", [line(8)])
    status, out, said = await machines.submitter.run("submit", file)
    assert (status, out) == (1, "")
    assert "its result is not sealed" in said


async def test_the_engine_being_away_is_nobodys_fault(machines: Machines) -> None:
    file = machines.submitter.write("in.jsonl", lines(3))
    machines.worker.configure(machines.server.url, "http://127.0.0.1:1", queue=QUICK)
    without = await machines.work()
    submit = await machines.submitter.start("submit", file, "-o", "out.jsonl")
    await without.until_said("The queue waits for it.")
    await asyncio.sleep(3)
    assert without.said().count("The queue waits for it.") == 1
    assert (await machines.state())["dead"] == 0

    machines.configure(queue=QUICK)
    await machines.work()
    assert await submit.status() == 0
    assert [one["rid"] for one in read(machines.results)] == [0, 1, 2]


async def test_while_the_server_is_gone_or_hangs_everybody_waits_and_goes_on(
    machines: Machines,
) -> None:
    file = machines.submitter.write("in.jsonl", lines(12))
    machines.server.kill()
    worker = await machines.work()
    submit = await machines.submitter.start("submit", file, "-o", "out.jsonl")
    for command in (worker, submit):
        await command.until_said("waiting for it.")
    await asyncio.to_thread(machines.server.start)
    await machines.until_results(2)
    machines.server.pause()
    await asyncio.sleep(3)
    machines.server.resume()
    await machines.until_results(4)
    await asyncio.to_thread(machines.server.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(machines.server.start)
    assert await submit.status() == 0
    assert [one["rid"] for one in read(machines.results)] == list(range(12))
    assert worker.said().count("waiting for it.") <= 3
    assert worker.said().count("can be used again") >= 2


async def test_what_a_server_without_aof_forgot_is_put_in_again(tmp_path: Path) -> None:
    with serving("valkey") as server:
        async with waiting_engine(0.03) as (engine, url):
            hosts = Host(tmp_path / "submitter"), Host(tmp_path / "worker")
            machines = Machines(server, engine, url, *hosts)
            machines.configure(queue=QUICK)
            file = machines.submitter.write("in.jsonl", lines(12))
            await machines.work()
            submit = await machines.submitter.start("submit", file, "-o", "out.jsonl")
            await machines.until_results(3)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            assert await submit.status() == 0
            assert [one["rid"] for one in read(machines.results)] == list(range(12))
            for host in hosts:
                await host.close()


async def test_a_full_server_is_waited_for(machines: Machines) -> None:
    file = machines.submitter.write("in.jsonl", lines(4))
    await asyncio.to_thread(machines.server.configure, maxmemory="1")
    worker = await machines.work()
    submit = await machines.submitter.start("submit", file, "-o", "out.jsonl")
    await submit.until_said("waiting for it.")
    await asyncio.to_thread(machines.server.configure, maxmemory="0")
    assert await submit.status() == 0
    assert "Traceback" not in worker.said()
    assert len(read(machines.results)) == 4


@pytest.mark.parametrize("arguments", [("submit", "in.jsonl"), ("worker", "--queue"), ("queue",)])
async def test_without_a_server_or_its_password_it_is_said_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    host = Host(tmp_path)
    host.write("in.jsonl", lines(1))
    with serving("redis", password="secret") as server:
        host.configure(f"redis://127.0.0.1:{server.port}/0")
        status, _, said = await host.run(*arguments)
        assert (status, "does not let us do this" in said) == (1, True), said
        assert "Traceback" not in said
    (tmp_path / "config" / "perf_config.json").write_text("{}")
    status, _, said = await host.run(*arguments)
    assert (status, "name a Redis or Valkey" in said) == (1, True), said
