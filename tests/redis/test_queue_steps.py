"""Every step of the queue, and who may still take it after what happened."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
from tests.redis.serving import RealServer

from refrain_cache.settings import SharedSettings
from refrain_sidecar.config.settings import QueueSettings
from refrain_sidecar.queue.errors import QueueError
from refrain_sidecar.queue.job import MAX_JOB_BYTES, Job, Seal, job_id
from refrain_sidecar.queue.queue import Claim, Queue, Submitted
from refrain_sidecar.queue.server import Server

SETTINGS = QueueSettings(max_length=3, claim_seconds=2.0)
SEAL = Seal("refrain", None)
JOBS = "refrain:{queue}:jobs"


def job(number: int = 0) -> Submitted:
    body = Job((1, 2), {"rid": number, "normalized_text": "x"}).encoded()
    return Submitted(job_id(body), body, SEAL.of_job(body))


async def taken_by(queue: Queue, consumer: str) -> Claim:
    """The next job, whenever that is."""
    async with asyncio.timeout(60):
        while (claim := await queue.take(consumer)) is None:
            pass
        return claim


@pytest.fixture
async def queue(server: RealServer) -> AsyncIterator[Queue]:
    shared = SharedSettings(server.url)
    queue = Queue(Server(shared, patient=False), shared.namespace, SETTINGS)
    yield queue
    await queue.close()


async def test_a_job_goes_in_once_and_comes_out_with_its_result(queue: Queue) -> None:
    one = job()
    assert await queue.submit([one, one]) == ["added", "held"]
    claim = await queue.take("a")
    assert claim is not None
    assert (claim.body, claim.size, claim.attempt) == (one.body, len(one.body), 1)
    assert await queue.submit([one]) == ["held"]
    place = await queue.latest_news()

    assert await queue.finish(claim, one.id, b"{}")

    assert await queue.news(place) == (await queue.latest_news(), [one.id])
    assert await queue.results([one.id, "other"]) == [b"{}", None]
    assert await queue.submit([one]) == ["done"]
    await queue.forget([one.id])
    assert await queue.submit([one]) == ["added"]


async def test_each_job_goes_to_one_and_each_one_gets_one(queue: Queue) -> None:
    await queue.submit([job(0), job(1)])
    claims = await asyncio.gather(*(queue.take(name) for name in "abc"))
    assert len({claim.entry for claim in claims if claim}) == 2


async def test_who_lost_a_reply_gets_the_same_job_again_at_the_same_try(queue: Queue) -> None:
    await queue.submit([job(0), job(1)])
    first = await queue.take("a")
    again = await queue.take("a")
    assert again == first


async def test_what_is_let_lie_is_taken_over_and_its_first_worker_may_do_nothing_more(
    queue: Queue,
) -> None:
    one = job()
    await queue.submit([one])
    slept = await queue.take("a")
    assert slept is not None
    await asyncio.sleep(0.5)
    assert await queue.renew(slept)
    renewed_at = time.monotonic()

    taken = await taken_by(queue, "b")
    assert time.monotonic() - renewed_at >= SETTINGS.claim_seconds
    assert (taken.entry, taken.attempt) == (slept.entry, 2)

    assert not await queue.renew(slept)
    assert not await queue.finish(slept, one.id, b"{}")
    assert not await queue.bury(slept, one.id, "why")
    assert not await queue.give_back(slept)
    assert await queue.results([one.id]) == [None]
    assert await queue.finish(taken, one.id, b'{"a":1}')
    # Once it is done it is nobody's, also not by a reply that was lost.
    assert not await queue.finish(taken, one.id, b"{}")
    assert await queue.results([one.id]) == [b'{"a":1}']


async def test_what_is_given_back_is_anybodys_at_once_and_what_failed_after_a_while(
    queue: Queue,
) -> None:
    await queue.submit([job()])
    claim = await queue.take("a")
    assert claim is not None
    assert await queue.give_back(claim)
    claim = await queue.take("a")
    assert claim is not None
    assert claim.attempt == 1
    given_at = time.monotonic()
    assert await queue.give_back(claim, after_s=1.5, tried=True)
    again = await taken_by(queue, "a")
    assert time.monotonic() - given_at >= 1.5
    assert again.attempt == 2


async def test_there_is_room_for_so_many(queue: Queue) -> None:
    told = await queue.submit([job(number) for number in range(5)])
    assert told == ["added"] * 3 + ["full"] * 2
    claim = await queue.take("a")
    assert claim is not None
    assert await queue.submit([job(3)]) == ["full"]  # what runs counts
    await queue.finish(claim, job_id(claim.body), b"{}")
    assert await queue.submit([job(3), job(4)]) == ["added", "full"]


async def test_a_dead_letter_is_told_of_tried_again_and_deleted(queue: Queue) -> None:
    one = job()
    await queue.submit([one])
    claim = await queue.take("a")
    assert claim is not None
    place = await queue.latest_news()
    assert await queue.bury(claim, one.id, "it is poison")

    assert (await queue.news(place))[1] == [one.id]
    assert await queue.submit([one]) == ["dead:it is poison"]
    state = await queue.state()
    assert (state.waiting, state.running, state.dead) == (0, [], 1)
    assert (state.letters[0].id, state.letters[0].reason) == (one.id, "it is poison")

    assert await queue.retry(["nothing"]) == 0
    assert await queue.retry([one.id[:4]]) == 1
    assert await queue.submit([one]) == ["held"]
    claim = await queue.take("b")
    assert claim is not None
    assert (claim.body, claim.attempt) == (one.body, 1)

    assert await queue.bury(claim, one.id, "again")
    assert await queue.drop([]) == 1
    assert await queue.submit([one]) == ["added"]


async def test_what_nobody_is_at_is_taken_out(queue: Queue) -> None:
    await queue.submit([job(number) for number in range(3)])
    claim = await queue.take("a")
    assert claim is not None
    assert await queue.call_off() == 2
    state = await queue.state()
    assert (state.waiting, [one.id for one in state.running]) == (0, [job_id(claim.body)])
    assert await queue.finish(claim, job_id(claim.body), b"{}")
    assert await queue.submit([job(number) for number in range(3)]) == ["done", "added", "added"]


async def test_the_state_says_by_whom_and_since_when(queue: Queue) -> None:
    await queue.submit([job(0), job(1)])
    claim = await queue.take("host:12:mark-0")
    assert claim is not None
    state = await queue.state()
    assert (state.waiting, state.done, state.dead, state.warning) == (1, 0, 0, None)
    (running,) = state.running
    assert (running.who, running.attempt) == ("host:12", 1)
    since = running.since
    await asyncio.sleep(1.1)
    await queue.renew(claim)
    assert (await queue.state()).running[0].since == since
    await queue.finish(claim, running.id, b"{}")
    assert (await queue.state()).done == 1


async def test_leaving_gives_back_what_is_held_and_loses_nothing(
    queue: Queue, server: RealServer
) -> None:
    await queue.submit([job(0), job(1)])
    held = await queue.take("a")
    other = await queue.take("b")
    assert held is not None
    assert other is not None
    assert await queue.leave(["a", "c"]) == 1
    with server.client(decode_responses=True) as client:
        names = {one["name"] for one in client.xinfo_consumers(JOBS, "workers")}
    assert names == {"b", "-"}
    assert not await queue.finish(held, job_id(held.body), b"{}")
    again = await queue.take("d")
    assert again is not None
    assert (again.entry, again.attempt) == (held.entry, 1)
    assert await queue.finish(other, job_id(other.body), b"{}")


async def test_a_message_of_another_form_comes_without_its_body(
    queue: Queue, server: RealServer
) -> None:
    with server.client() as client:
        client.xadd(JOBS, {"nonsense": "x"})
        client.xadd(JOBS, {"job": b"x" * (MAX_JOB_BYTES + 1)})
    found = {}
    for name in "ab":
        claim = await queue.take(name)
        assert claim is not None
        found[claim.size] = claim
    assert found.keys() == {-1, MAX_JOB_BYTES + 1}
    assert [claim.body for claim in found.values()] == [b"", b""]
    for size, claim in found.items():
        assert await queue.bury(claim, str(size), "why")
    with server.client() as client:
        sizes = [len(fields[b"job"]) for _, fields in client.xrange("refrain:{queue}:dead")]
    assert sizes == [0, MAX_JOB_BYTES]
    assert await queue.retry([]) == 2


async def test_what_somebody_deleted_by_hand_is_put_in_again(
    queue: Queue, server: RealServer
) -> None:
    assert await queue.take("a") is None
    for delete in ("XTRIM", JOBS, "MAXLEN", "0"), ("FLUSHDB",), ("DEL", JOBS):
        assert await queue.submit([job()]) == ["added"]
        with server.client() as client:
            client.execute_command(*delete)
    assert await queue.submit([job()]) == ["added"]
    claim = await queue.take("a")
    assert claim is not None
    assert await queue.finish(claim, job().id, b"{}")


async def test_other_peoples_keys_are_told_of(queue: Queue, server: RealServer) -> None:
    with server.client() as client:
        client.set(JOBS, "mine")
    with pytest.raises(QueueError, match="WRONGTYPE"):
        await queue.submit([job()])


async def test_a_server_that_may_throw_jobs_away_is_warned_of(
    queue: Queue, server: RealServer
) -> None:
    server.configure(maxmemory_policy="allkeys-lru")
    assert "allkeys-lru" in str((await queue.state()).warning)


async def test_everything_of_a_queue_is_in_one_slot_of_a_cluster(
    queue: Queue, server: RealServer
) -> None:
    await queue.submit([job(0), job(1)])
    for name, end in (("a", queue.finish), ("b", queue.bury)):
        claim = await queue.take(name)
        assert claim is not None
        await end(claim, job_id(claim.body), b"{}")  # type: ignore[arg-type]
    with server.client() as client:
        keys = client.keys("*")
    assert len(keys) == 6
    assert all(key.startswith(b"refrain:{queue}:") for key in keys)


def test_a_job_is_its_own_name() -> None:
    assert json.loads(job(1).body)["run"] == "enrich"
    assert job(1) == job(1)
    assert job(1).id != job(2).id


async def test_whoever_is_stopped_while_asking_stops(queue: Queue) -> None:
    await queue.submit([job()])
    # At whatever moment: so many steps of the loop after it began.
    for steps in range(40):
        asking = asyncio.create_task(queue.news("0"))
        for _ in range(steps):
            await asyncio.sleep(0)
        stopped = asking.cancel()
        (came,) = await asyncio.gather(asking, return_exceptions=True)
        assert isinstance(came, asyncio.CancelledError) == stopped, steps
    assert await queue.submit([job()]) == ["held"]
