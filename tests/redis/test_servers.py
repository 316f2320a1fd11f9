"""The servers the other tests stand on do what they are told."""

from __future__ import annotations

import pytest
import redis
from tests.redis.programs import OLDEST, Kind
from tests.redis.serving import RealServer, ServerFailed, serving


def test_each_kind_is_new_enough_and_its_own(server: RealServer) -> None:
    assert server.program.version() >= OLDEST[server.kind]
    with server.client() as client:
        told = client.info("server")
    assert ("valkey_version" in told) == (server.kind == "valkey")


def test_a_kill_loses_nothing_with_aof_and_everything_without(kind: Kind) -> None:
    for aof, found in ((True, b"1"), (False, None)):
        with serving(kind, aof=aof) as server, server.client() as client:
            client.set("a", 1)
            server.kill()
            server.start()
            assert client.get("a") == found


def test_a_paused_server_hangs_until_it_goes_on(server: RealServer) -> None:
    with server.client(socket_timeout=0.2) as client:
        client.set("a", 1)
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.get("a")
        server.resume()
        assert client.get("a") == b"1"


def test_a_full_server_and_a_replica_refuse_writes(server: RealServer, kind: Kind) -> None:
    with server.client() as client, serving(kind) as other:
        server.configure(maxmemory="1")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("a", 1)
        server.configure(maxmemory="0")
        server.follow(other)
        with pytest.raises(redis.ReadOnlyError):
            client.set("a", 1)
        server.follow(None)
        client.set("a", 1)


def test_a_password_and_a_user_with_few_rights(kind: Kind) -> None:
    with (
        serving(kind, password="secret") as server,
        redis.Redis(port=server.port, retry=None) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    few = serving(
        kind,
        user="few",
        password="secret",
        options={"user": "few on >secret ~mine:* +get +ping"},
    )
    with few as server, server.client() as client:
        assert client.get("mine:a") is None
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("other")


def test_tls_with_an_authority_of_its_own() -> None:
    with serving("redis", tls=True) as server, server.client() as client:
        assert client.ping()
        with redis.Redis.from_url(server.url) as stranger, pytest.raises(redis.ConnectionError):
            stranger.ping()


def test_it_says_why_it_did_not_start(kind: Kind) -> None:
    with pytest.raises(ServerFailed, match="nonsense"), serving(kind, options={"nonsense": "1"}):
        pass
