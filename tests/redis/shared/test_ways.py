"""Every way to a server that `caching.shared.url` can name."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis
from tests.redis.certificates import Certificates
from tests.redis.programs import Kind
from tests.redis.serving import RealServer, serving
from tests.redis.shared.conftest import PATIENT_MS, shared_settings, until

from refrain_cache import (
    AsyncCache,
    CacheSettings,
    Selection,
    SharedSettings,
    Timing,
    fingerprint,
)

QUICK = Timing(probe_first=0.1, probe_last=0.2)
_NUMBER = 40


def reason(cache: AsyncCache) -> str | None:
    assert cache.state.shared is not None
    return cache.state.shared.reason


async def never() -> object:
    raise AssertionError("another machine has it")


async def shares(shared: SharedSettings, folder: Path) -> None:
    """Whether two machines find each other's answers that way, and can delete them."""
    caches = [AsyncCache(CacheSettings(cache_dir=folder / name, shared=shared)) for name in "ab"]
    asked = [fingerprint("api", n) for n in range(_NUMBER)]
    async with caches[0] as here, caches[1] as there:
        for n, fp in enumerate(asked):

            async def compute(n: int = n) -> list[int]:
                return [n]

            await here.get_or_compute(fp, compute)
        async with asyncio.timeout(20):
            for fp in asked:
                while not await there.peek(fp):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
        found = await asyncio.gather(*(there.get_or_compute(fp, never) for fp in asked))
        assert [(hit.tier, hit.value) for hit in found] == [("shared", [n]) for n in range(_NUMBER)]
        assert (await there.purge(Selection(kind="api", shared=True))).shared == _NUMBER
        assert reason(here) is None
        assert reason(there) is None


async def test_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    with serving("redis", tls=True, password="secret") as server:
        await shares(shared_settings(server), tmp_path)


async def test_a_server_that_another_authority_vouches_for_is_not_asked(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    ca_file = Certificates.make(other).authority
    with serving("redis", tls=True) as server:
        shared = shared_settings(server, ca_file=ca_file)
        settings = CacheSettings(cache_dir=tmp_path, shared=shared)
        async with AsyncCache(settings, timing=QUICK) as cache:
            await until(lambda: "certificate verify failed" in (reason(cache) or ""))
            assert await cache.set(content="a", cache_type="api", value=1)
        with server.client() as client:
            assert not client.keys()


async def test_a_socket_of_this_machine(kind: Kind, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="refrain-") as folder:
        path = f"{folder}/socket"
        with serving(kind, options={"unixsocket": path}):
            await shares(SharedSettings(f"unix://{path}", timeout_ms=PATIENT_MS), tmp_path)


async def test_a_cluster(kind: Kind, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bus = str(probe.getsockname()[1])
    options = {"cluster-enabled": "yes", "cluster-port": bus}
    with serving(kind, options=options) as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            await until(lambda: client.cluster("INFO")["cluster_state"] == "ok")
        url = f"redis+cluster://127.0.0.1:{server.port}"
        await shares(SharedSettings(url, timeout_ms=PATIENT_MS), tmp_path)


class _Sentinel(RealServer):
    """The same program, watching others."""

    def _command(self) -> list[str]:
        return [*super()._command(), "--sentinel"]


@contextmanager
def sentinel_of(master: RealServer) -> Iterator[_Sentinel]:
    with serving(master.kind) as free, tempfile.TemporaryDirectory() as folder:
        port = free.port
        free.stop()
        watched = {
            "sentinel monitor": f"refrain 127.0.0.1 {master.port} 1",
            "sentinel down-after-milliseconds": "refrain 500",
            "sentinel failover-timeout": "refrain 3000",
        }
        sentinel = _Sentinel(master.program, Path(folder), port, watched)
        sentinel.start()
        try:
            yield sentinel
        finally:
            sentinel.stop()


@pytest.mark.parametrize("end", [RealServer.kill, RealServer.pause])
async def test_when_the_master_fails_the_next_one_is_found(
    kind: Kind, tmp_path: Path, end: object
) -> None:
    with serving(kind) as master, serving(kind) as other, sentinel_of(master) as sentinel:
        other.follow(master)
        with sentinel.client() as client:
            await until(lambda: client.execute_command("SENTINEL", "REPLICAS", "refrain"))
        url = f"redis+sentinel://127.0.0.1:{sentinel.port}/refrain"
        shared = SharedSettings(url, timeout_ms=500)
        await shares(shared, tmp_path / "before")
        settings = CacheSettings(cache_dir=tmp_path / "after", shared=shared)
        async with AsyncCache(settings, timing=QUICK) as cache:
            assert await cache.look_at_shared() is not None
            assert callable(end)
            end(master)

            async def compute() -> int:
                return 1

            promoted = asyncio.create_task(until(lambda: _is_master(other), 40))
            n = 0
            while not promoted.done():
                n += 1
                assert (await cache.get_or_compute(fingerprint("api", [n]), compute)).value == 1
                await asyncio.sleep(0.02)
            await promoted
            await until(lambda: reason(cache) is None)
        await shares(shared, tmp_path / "again")


def _is_master(server: RealServer) -> bool:
    # As it is promoted it hangs up on whoever asks.
    with server.client() as client, suppress(redis.ConnectionError):
        return bool(client.info("replication")["role"] == "master")
    return False
