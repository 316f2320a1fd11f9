"""Whatever becomes of the server, answers come; why it is left out is told once; it comes back."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from tests.redis.programs import Kind
from tests.redis.serving import RealServer, serving
from tests.redis.shared.conftest import Machine, shared_settings, until, until_there

from refrain_cache import (
    AsyncCache,
    CacheSettings,
    CacheUnavailableError,
    Fingerprint,
    Selection,
    SharedSettings,
    Timing,
    fingerprint,
)

QUICK = Timing(probe_first=0.1, probe_last=0.2)


def asked(question: object) -> Fingerprint:
    return fingerprint("api", question)


async def computed() -> str:
    return "computed"


def reason(cache: AsyncCache) -> str | None:
    assert cache.state.shared is not None
    return cache.state.shared.reason


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged of the shared tier being left out."""
    caplog.set_level(logging.INFO, "refrain.cache")
    return lambda: [m for m in caplog.messages if m.startswith("The shared tier is left out")]


@frozen
class Trouble:
    """What is done to a server, what undoes it, and what is then said of it."""

    begin: Callable[[RealServer], object]
    end: Callable[[RealServer], object]
    says: str
    still_read: bool = False


def _full(server: RealServer) -> None:
    server.configure(maxmemory="1", maxmemory_policy="noeviction")


def _locked(server: RealServer) -> None:
    with server.client() as client:
        client.config_set("requirepass", "changed")
        # Who is in stays in.
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def _unlocked(server: RealServer) -> None:
    with server.client(password="changed") as client:
        client.config_set("requirepass", "")


def _right_lost(server: RealServer) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-eval", "-set")


def _right_given(server: RealServer) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "+@all")


def _unsaved(server: RealServer) -> None:
    """As when its disk is full: what it cannot save it does not take."""
    (server.home / "dump.rdb").mkdir()
    with server.client() as client:
        client.config_set("save", "3600 1")
        client.bgsave()
        deadline = time.monotonic() + 10
        while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
            assert time.monotonic() < deadline


def _saved(server: RealServer) -> None:
    server.configure(save="")


TROUBLES = {
    "killed": Trouble(RealServer.kill, RealServer.start, "cannot be reached"),
    "stopped": Trouble(RealServer.pause, RealServer.resume, "did not answer within 300 ms"),
    "full": Trouble(_full, lambda s: s.configure(maxmemory="0"), "is full", still_read=True),
    "another password": Trouble(_locked, _unlocked, "does not let us in"),
    "a right less": Trouble(_right_lost, _right_given, "many-machines.md", still_read=True),
    "cannot save": Trouble(_unsaved, _saved, "takes no writes", still_read=True),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_answers_come_whatever_the_server_does(
    server: RealServer, machine: Machine, told: Callable[[], list[str]], name: str
) -> None:
    trouble = TROUBLES[name]
    here = await machine("here", timing=QUICK, timeout_ms=300)
    there = await machine("there", timing=QUICK, timeout_ms=300)
    await here.set(content="before", cache_type="api", value=1)
    await until_there(server, 1)

    trouble.begin(server)
    found = await asyncio.gather(*(here.get_or_compute(asked(n), computed) for n in range(50)))
    for n in range(50, 100):
        found.append(await here.get_or_compute(asked(n), computed))
    assert [o.value for o in found] == ["computed"] * 100
    assert {o.outcome for o in found} == {"miss"}
    await until(lambda: reason(here) is not None)
    assert trouble.says in (reason(here) or "")
    assert await here.set(content="set", cache_type="api", value=1)
    assert await here.get(content="set", cache_type="api") == 1
    if trouble.still_read:
        assert await there.get(content="before", cache_type="api") == 1
    else:
        with pytest.raises(CacheUnavailableError, match=trouble.says):
            await here.look_at_shared()
        with pytest.raises(CacheUnavailableError, match=trouble.says):
            await here.purge(Selection(everything=True, shared=True))
    # Trials fail meanwhile, and nothing more is said.
    await asyncio.sleep(0.5)
    # Whom it hung up on in the middle of something says that first.
    assert max(Counter(told()).values()) <= 2, "once for each machine"
    assert (await here.get_stats()).misses == 100

    trouble.end(server)
    await until(lambda: reason(here) is None and reason(there) is None)
    await here.get_or_compute(asked("after"), computed)
    await until_there(server, 1)
    await until(lambda: reason(there) is None)
    assert (await there.get_or_compute(asked("after"), computed)).value == "computed"
    assert here.state.mode == there.state.mode == "on"


async def test_a_server_that_restarts_is_used_again_and_fails_nobody(
    lasting: RealServer, tmp_path: Path
) -> None:
    settings = CacheSettings(cache_dir=tmp_path, shared=shared_settings(lasting))
    async with AsyncCache(settings, timing=QUICK) as cache:
        stop = asyncio.Event()

        async def asking(who: int) -> int:
            n = 0
            while not stop.is_set():
                assert (await cache.get_or_compute(asked([who, n]), computed)).value == "computed"
                n += 1
                await asyncio.sleep(0.005)
            return n

        asking_all = [asyncio.create_task(asking(who)) for who in range(4)]
        for end in (lasting.restart, lasting.kill, lasting.restart):
            await asyncio.to_thread(end)
            await asyncio.to_thread(lasting.start)
            await until(lambda: reason(cache) is None)
            await asyncio.sleep(0.2)
        stop.set()
        assert sum(await asyncio.gather(*asking_all)) > 100
        assert reason(cache) is None


async def test_a_replica_is_read_and_not_written(
    server: RealServer, kind: Kind, machine: Machine, told: Callable[[], list[str]]
) -> None:
    with serving(kind) as master:
        here = await machine("here", timing=QUICK)
        with master.client() as client:
            client.set("marker", 1)
        server.follow(master)
        with server.client() as client:
            await until(lambda: client.get("marker") == b"1")
        assert (await here.get_or_compute(asked("a"), computed)).value == "computed"
        await until(lambda: reason(here) is not None)
        assert "takes no writes" in (reason(here) or "")
        # It is promoted.
        server.follow(None)
        await until(lambda: reason(here) is None)
        await here.get_or_compute(asked("b"), computed)
        await until_there(server, 1)
        assert len(told()) == 1


async def test_a_server_that_begins_hung_or_away_is_found_later(
    server: RealServer, machine: Machine
) -> None:
    server.pause()
    hung = await machine("hung", timing=QUICK, timeout_ms=100)
    assert (await hung.get_or_compute(asked("a"), computed)).value == "computed"
    server.resume()
    await until(lambda: reason(hung) is None)
    server.kill()
    away = await machine("away", timing=QUICK)
    assert (await away.get_or_compute(asked("a"), computed)).value == "computed"
    assert "cannot be reached" in (reason(away) or "")
    server.start()
    await until(lambda: reason(away) is None)


@contextmanager
def odd_server(first_words: bytes, *, silent: bool = False) -> Iterator[int]:
    """Not a Redis at all: it says something and hangs up, or nothing ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        loop = asyncio.get_running_loop()
        listening.setblocking(False)

        async def serve() -> None:
            held = []
            while True:
                conn, _ = await loop.sock_accept(listening)
                held.append(conn)
                if not silent:
                    with suppress(OSError):
                        await loop.sock_sendall(conn, first_words)
                        conn.shutdown(socket.SHUT_WR)

        serving_task = asyncio.create_task(serve())
        try:
            yield listening.getsockname()[1]
        finally:
            serving_task.cancel()


@pytest.mark.parametrize(
    "words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$99999999999\r\n", b"*-1\r\n" * 9, b"", None]
)
async def test_what_is_no_redis_at_all(tmp_path: Path, words: bytes | None) -> None:
    with odd_server(words or b"", silent=words is None) as port:
        shared = SharedSettings(f"redis://127.0.0.1:{port}", timeout_ms=100)
        settings = CacheSettings(cache_dir=tmp_path, shared=shared)
        async with AsyncCache(settings, timing=QUICK) as cache:
            found = [await cache.get_or_compute(asked(n), computed) for n in range(10)]
            assert [o.value for o in found] == ["computed"] * 10
            await until(lambda: reason(cache) is not None)


async def test_nobody_waits_for_a_hung_server_once_it_is_known_to_hang(
    server: RealServer, machine: Machine
) -> None:
    here = await machine("here", timeout_ms=1000)
    await here.get_or_compute(asked("before"), computed)
    server.pause()
    await here.get_or_compute(asked("first"), computed)
    began = time.monotonic()
    for n in range(200):
        await here.get_or_compute(asked(n), computed)
    # Trials are made behind: each that somebody waited for would take a second.
    assert time.monotonic() - began < 200 * 0.05
    server.resume()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"password_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE"),
        ({"password_file": Path("/nowhere/password")}, "password_file: /nowhere/password"),
        ({"secret_file": Path("/nowhere/secret")}, "secret_file: /nowhere/secret"),
        ({"url": "redis://127.0.0.1:99999"}, "Port out of range"),
    ],
)
async def test_what_is_missing_is_named_and_found_once_it_is_there(
    server: RealServer,
    machine: Machine,
    told: Callable[[], list[str]],
    changes: dict[str, Any],
    says: str,
) -> None:
    here = await machine("here", timing=QUICK, **changes)
    assert (await here.get_or_compute(asked("a"), computed)).value == "computed"
    await until(lambda: says in (reason(here) or ""))
    await asyncio.sleep(0.3)
    assert len(told()) == 1
    with server.client() as client:
        assert not list(client.scan_iter("refrain:{*}")), "nothing goes out unsigned"


async def test_passwords_come_from_a_file_or_the_environment_and_are_read_anew(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("wrong\n")
    with serving(kind, password="right") as server:
        plain = f"redis://127.0.0.1:{server.port}"
        shared = SharedSettings(plain, password_file=file, timeout_ms=5000)
        settings = CacheSettings(cache_dir=tmp_path / "a", shared=shared)
        async with AsyncCache(settings, timing=QUICK) as cache:
            await until(lambda: "does not let us in" in (reason(cache) or ""))
            file.write_text("right\n")
            await until(lambda: reason(cache) is None)
        monkeypatch.setenv("REFRAIN_TEST_PASSWORD", "right")
        shared = SharedSettings(plain, password_env="REFRAIN_TEST_PASSWORD", timeout_ms=5000)
        settings = CacheSettings(cache_dir=tmp_path / "b", shared=shared)
        async with AsyncCache(settings, timing=QUICK) as cache:
            assert await cache.look_at_shared() is not None
        # A URL may bring it, and is never shown with it.
        settings = CacheSettings(cache_dir=tmp_path / "c", shared=SharedSettings(server.url))
        async with AsyncCache(settings, timing=QUICK) as cache:
            assert cache.state.shared is not None
            assert "right" not in cache.state.shared.url
