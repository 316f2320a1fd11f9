"""On the connection that answers are read on, replies come to those who asked, or to nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.redis.serving import RealServer
from tests.redis.shared.conftest import PATIENT_MS, Machine, until, until_there
from tests.redis.shared.relay import Relay, relaying

from refrain_cache import AsyncCache, Fingerprint, Timing, fingerprint

QUICK = Timing(probe_first=0.05, probe_last=0.1)


def asked(question: object) -> Fingerprint:
    return fingerprint("api", question)


async def computed() -> str:
    return "computed"


def reason(cache: AsyncCache) -> str | None:
    assert cache.state.shared is not None
    return cache.state.shared.reason


@pytest.fixture
async def relay(server: RealServer) -> AsyncIterator[Relay]:
    async with relaying(server) as relay:
        yield relay


async def filled(server: RealServer, machine: Machine, number: int) -> None:
    """Answers on the server: question n has the answer [n, …], some of them long."""
    here = await machine("here")
    for n in range(number):
        await here.set(content=n, cache_type="api", value=[n, "long " * (n % 7) ** 5])
    await until_there(server, number)


async def behind(relay: Relay, machine: Machine, name: str = "there", **more: Any) -> AsyncCache:
    """A machine that reaches the server through the relay, and has done so."""
    url = f"redis://127.0.0.1:{relay.port}"
    there: AsyncCache = await machine(name, url=url, timing=QUICK, memory=0, **more)
    assert await there.look_at_shared() is not None
    return there


@pytest.mark.parametrize("piece", [1, 2, 41, 70_000])
async def test_replies_in_pieces_are_put_together(
    server: RealServer, machine: Machine, relay: Relay, piece: int
) -> None:
    number = 12 if piece < 3 else 100
    await filled(server, machine, number)
    there = await behind(relay, machine)
    relay.piece = piece
    found = await asyncio.gather(*(there.find(asked(n)) for n in range(number)))
    assert [hit.value[0] for hit in found if hit is not None] == list(range(number))
    assert {hit.tier for hit in found if hit is not None} == {"shared"}


async def test_who_leaves_does_not_take_the_replies_of_others(
    server: RealServer, machine: Machine, relay: Relay
) -> None:
    await filled(server, machine, 80)
    there = await behind(relay, machine)
    relay.delay_s = 0.05
    asking = [asyncio.create_task(there.find(asked(n))) for n in range(80) for _ in range(2)]
    await asyncio.sleep(0.02)
    # One of each two, and sometimes both.
    left = {at for at in range(160) if at % 2 or at % 5 == 0}
    for at in left:
        asking[at].cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    for at, hit in enumerate(found):
        if at in left:
            assert isinstance(hit, asyncio.CancelledError)
        else:
            assert hit is not None
            assert not isinstance(hit, BaseException)
            assert hit.value[0] == at // 2
    later = await there.find(asked(0))
    assert later is not None
    assert later.value[0] == 0


@pytest.mark.parametrize(
    "wrong",
    [b":1\r\n", b"$-1\r\n", b"$x\r\n", b"$99999999\r\n", b"HTTP/1.1 400\r\n", b"x" * 9000],
)
async def test_what_is_no_reply_ends_the_connection_and_fails_nobody(
    server: RealServer, machine: Machine, relay: Relay, wrong: bytes
) -> None:
    await filled(server, machine, 20)
    there = await behind(relay, machine)
    hit = await there.find(asked(0))
    assert hit is not None
    relay.change = lambda said: wrong + said
    answers = [(await there.get_or_compute(asked(n), computed)).value for n in range(1, 20)]
    assert set(answers) == {"computed"}
    relay.change = lambda said: said
    await until(lambda: reason(there) is None)
    there_again = await behind(relay, machine, "again")
    assert (await there_again.get_or_compute(asked(0), computed)).value[0] == 0


async def test_a_reply_that_ends_early_is_nobodys_answer(
    server: RealServer, machine: Machine, relay: Relay
) -> None:
    await filled(server, machine, 8)
    there = await behind(relay, machine)
    half = iter([True])

    def cut(said: bytes) -> bytes | None:
        return said[: len(said) // 2] if next(half, None) else None

    relay.change = cut
    found = await asyncio.gather(
        *(there.get_or_compute(asked(n), computed) for n in range(8)), return_exceptions=True
    )
    for n, outcome in enumerate(found):
        assert not isinstance(outcome, BaseException)
        assert outcome.value == "computed" or outcome.value[0] == n
    assert any(o.value == "computed" for o in found if not isinstance(o, BaseException))
    relay.change = lambda said: said
    await until(lambda: reason(there) is None)


async def test_a_server_that_cuts_who_is_idle_is_asked_again_without_a_word(
    server: RealServer, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    await filled(server, machine, 5)
    there = await machine("there")
    # From then on it is idle but for what it is asked.
    assert await there.look_at_shared() is not None
    with server.client() as client:
        for n in range(5):
            hit = await there.find(asked(n))
            assert hit is not None
            assert hit.value[0] == n
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await until(lambda: client.info("clients")["connected_clients"] == 1)
            await asyncio.sleep(0.05)
    assert not caplog.messages


async def test_one_that_is_slow_all_the_time_is_left_out_until_it_is_not(
    server: RealServer, machine: Machine, relay: Relay
) -> None:
    await filled(server, machine, 3)
    there = await behind(relay, machine, timeout_ms=200)
    relay.delay_s = 0.5
    for n in range(20):
        assert (await there.get_or_compute(asked([n]), computed)).value == "computed"
    assert "did not answer within 200 ms" in (reason(there) or "")
    # Trials are answered, too late each.
    await asyncio.sleep(1.5)
    assert reason(there) is not None
    relay.delay_s = 0.0
    await until(lambda: reason(there) is None)
    hit = await there.find(asked(2))
    assert hit is not None
    assert hit.tier == "shared"


async def test_one_that_is_slow_within_the_limit_is_waited_for(
    server: RealServer, machine: Machine, relay: Relay
) -> None:
    await filled(server, machine, 40)
    there = await behind(relay, machine, timeout_ms=PATIENT_MS)
    relay.delay_s = 0.05
    found = await asyncio.gather(*(there.find(asked(n)) for n in range(40)))
    assert [hit.value[0] for hit in found if hit is not None] == list(range(40))
    assert reason(there) is None


async def test_one_that_still_reads_what_it_kept_is_not_ready_and_then_it_is(
    server: RealServer, machine: Machine, relay: Relay
) -> None:
    await filled(server, machine, 10)
    there = await behind(relay, machine)
    relay.change = lambda said: b"-LOADING Redis is loading the dataset in memory\r\n"
    for n in range(20):
        assert (await there.get_or_compute(asked([n]), computed)).value == "computed"
    assert "is not ready (LOADING" in (reason(there) or "")
    relay.change = lambda said: said
    await until(lambda: reason(there) is None)
    hit = await there.find(asked(7))
    assert hit is not None
    assert hit.tier == "shared"
