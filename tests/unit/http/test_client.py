"""The client for web services, over real sockets and a real cache."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.faults.inference.misbehaving import Exchange, MisbehavingServer

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import NetworkingSettings
from refrain_sidecar.http import ApiClient, ApiError
from refrain_sidecar.inference.errors import RequestRefused
from refrain_sidecar.inference.ollama.transport import Transport


@pytest.fixture
async def server() -> AsyncIterator[MisbehavingServer]:
    server = MisbehavingServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[AsyncCache]:
    async with AsyncCache(CacheSettings(cache_dir=tmp_path / "cache")) as cache:
        yield cache


@pytest.fixture
async def client(cache: AsyncCache) -> AsyncIterator[ApiClient]:
    async with ApiClient(cache, NetworkingSettings(retries=2), per_host=2) as client:
        yield client


async def weather(exchange: Exchange) -> None:
    await exchange.reply(200, {"sky": "grüße"}, content_type="application/json")


async def busy(exchange: Exchange) -> None:
    await exchange.reply(429, b"slow down", retry_after="0")


async def test_the_second_get_is_a_hit_and_asks_nobody(
    server: MisbehavingServer, client: ApiClient
) -> None:
    server.answers = [weather]

    first = await client.get(f"{server.url}/today", params={"town": "Bonn"})
    second = await client.get(f"{server.url}/today", params={"town": "Bonn"})

    assert (first.outcome, second.outcome) == ("miss", "hit")
    assert first.value == second.value
    assert second.value.json() == {"sky": "grüße"}
    assert len(server.requests) == 1


async def test_entries_are_of_kind_api_and_live_as_long_as_configured(tmp_path: Path) -> None:
    server = MisbehavingServer([weather])
    await server.start()
    settings = CacheSettings(cache_dir=tmp_path / "cache", ttl_api=1000.0)
    async with AsyncCache(settings) as cache, ApiClient(cache, NetworkingSettings()) as client:
        await client.get(f"{server.url}/a?token=secret", headers={"Authorization": "Bearer b"})
        await client.get(f"{server.url}/b", ttl=10.0)
    async with AsyncCache(settings) as cache:
        entries = {
            e.expires_at - e.created_at: e for e in (await cache.entries()).entries if e.expires_at
        }
    await server.stop()

    assert sorted(round(kept) for kept in entries) == [10, 1000]
    assert {entry.kind for entry in entries.values()} == {"api"}
    assert {entry.label for entry in entries.values()} == {"127.0.0.1"}
    files = b"".join(
        file.read_bytes() for file in (tmp_path / "cache").rglob("*") if file.is_file()
    )
    assert b"secret" not in files
    assert b"Bearer" not in files


async def test_address_query_and_headers_each_make_another_question(
    server: MisbehavingServer, client: ApiClient
) -> None:
    server.answers = [weather]
    url = f"{server.url}/today"

    keys = [
        (await client.get(url)).key,
        (await client.get(f"{server.url}/tomorrow")).key,
        (await client.get(url, params={"town": "Bonn"})).key,
        (await client.get(url, headers={"Accept-Language": "de"})).key,
        (await client.get(url, headers={"Authorization": "Bearer a"})).key,
        (await client.get(url, headers={"Authorization": "Bearer b"})).key,
    ]

    assert len(set(keys)) == len(keys)
    assert (await client.get(url, headers={"accept-language": "de"})).key == keys[3]


async def test_fresh_asks_anew(server: MisbehavingServer, client: ApiClient) -> None:
    server.answers = [weather]
    await client.get(server.url)
    await client.get(server.url, fresh=True)

    assert len(server.requests) == 2


async def test_what_must_not_be_stored_is_not(server: MisbehavingServer, client: ApiClient) -> None:
    async def secret(exchange: Exchange) -> None:
        await exchange.reply(200, b"once", cache_control="private, No-Store")

    server.answers = [secret]
    outcomes = [await client.get(server.url) for _ in range(2)]

    assert [outcome.outcome for outcome in outcomes] == ["refused", "refused"]
    assert outcomes[0].value.text() == "once"
    assert outcomes[0].reason == "the server says no-store"
    assert len(server.requests) == 2

    assert (await client.get(server.url, ttl=60)).outcome == "miss"
    assert (await client.get(server.url)).outcome == "hit"


async def test_a_busy_service_is_asked_again_after_the_pause_it_names(
    server: MisbehavingServer, client: ApiClient
) -> None:
    server.answers = [busy, busy, weather]

    assert (await client.get(server.url)).value.status == 200
    assert len(server.requests) == 3


async def test_a_pause_too_long_to_wait_for_is_an_error_at_once(
    server: MisbehavingServer, client: ApiClient
) -> None:
    async def tomorrow(exchange: Exchange) -> None:
        await exchange.reply(503, b"", retry_after="86400")

    server.answers = [tomorrow]

    with pytest.raises(ApiError, match="answered 503") as caught:
        await client.get(server.url)

    assert (caught.value.status, caught.value.retry_after) == (503, 86400.0)
    assert len(server.requests) == 1


async def test_errors_are_not_kept_and_name_the_address_without_its_secrets(
    server: MisbehavingServer, client: ApiClient
) -> None:
    async def missing(exchange: Exchange) -> None:
        await exchange.reply(404)

    server.answers = [missing, weather]
    address = server.url.replace("://", "://user:secret@") + "/x?token=secret"

    with pytest.raises(ApiError, match="Check the address") as caught:
        await client.get(address)

    assert f"GET {server.url}/x answered 404" in caught.value.message
    assert "secret" not in caught.value.message
    assert (await client.get(address)).outcome == "miss"


async def test_a_post_that_reached_the_server_is_not_repeated(
    server: MisbehavingServer, client: ApiClient
) -> None:
    server.answers = [busy]

    with pytest.raises(ApiError, match="answered 429"):
        await client.request("POST", server.url, json={"order": 1})

    assert len(server.requests) == 1
    assert server.requests[0].json == {"order": 1}


@pytest.mark.parametrize(("method", "times"), [("GET", 3), ("POST", 1)])
async def test_a_lost_connection_is_repeated_where_that_is_safe(
    server: MisbehavingServer, client: ApiClient, method: str, times: int
) -> None:
    async def vanish(exchange: Exchange) -> None:
        exchange.drop()

    server.answers = [vanish]

    with pytest.raises(ApiError):
        await client.request(method, server.url)

    assert len(server.requests) == times


async def test_only_so_many_at_once_to_one_host(
    server: MisbehavingServer, client: ApiClient
) -> None:
    under_way, most, full, go = 0, 0, asyncio.Event(), asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 2:
            full.set()
        await go.wait()
        under_way -= 1
        await weather(exchange)

    server.answers = [slow]
    asking = [asyncio.create_task(client.get(f"{server.url}/{n}")) for n in range(6)]
    await asyncio.wait_for(full.wait(), 60)
    go.set()
    await asyncio.gather(*asking)

    assert most == 2
    assert len(server.requests) == 6


async def test_cookies_of_one_answer_do_not_change_the_next(
    server: MisbehavingServer, client: ApiClient
) -> None:
    async def sets_a_cookie(exchange: Exchange) -> None:
        await exchange.reply(200, b"", set_cookie="session=1")

    server.answers = [sets_a_cookie]
    await client.get(f"{server.url}/a")
    await client.get(f"{server.url}/b")

    assert "cookie" not in server.requests[1].headers


async def test_redirects_are_followed_and_the_end_is_named(
    server: MisbehavingServer, client: ApiClient
) -> None:
    async def moved(exchange: Exchange) -> None:
        await exchange.reply(302, b"", location="/new?token=secret")

    server.answers = [moved, weather]

    assert (await client.get(f"{server.url}/old")).value.url == f"{server.url}/new"


async def test_what_is_not_json_says_so(server: MisbehavingServer, client: ApiClient) -> None:
    async def page(exchange: Exchange) -> None:
        await exchange.reply(
            200, "<p>ümlaut</p>".encode("latin-1"), content_type="text/html; charset=latin-1"
        )

    server.answers = [page]
    reply = (await client.get(server.url)).value

    assert reply.text() == "<p>ümlaut</p>"
    with pytest.raises(ApiError, match="not JSON"):
        reply.json()


@pytest.mark.parametrize("address", ["http://[::1", "http://host:port/"])
async def test_an_address_that_is_none_is_an_error(client: ApiClient, address: str) -> None:
    with pytest.raises(ApiError, match="is no address"):
        await client.get(address)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nothing://127.0.0.1:9", "http://[::1"])
async def test_a_proxy_that_cannot_be_used_concerns_nobody_on_this_machine(
    server: MisbehavingServer, cache: AsyncCache, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    server.answers = [weather]

    async with ApiClient(cache, NetworkingSettings()) as client:
        assert (await client.get(server.url)).value.status == 200
        with pytest.raises(ApiError, match=r"proxy.*ALL_PROXY"):
            await client.get("http://elsewhere.example/")
    await Transport("http://127.0.0.1:1", NetworkingSettings()).close()
    with pytest.raises(RequestRefused, match=r"proxy.*ALL_PROXY"):
        Transport("http://elsewhere.example", NetworkingSettings())


async def test_the_example_runs_and_asks_once_for_each_town() -> None:
    example = Path(__file__).parents[3] / "examples" / "cached_api.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(example), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    *said, refused = out.decode().splitlines()
    assert re.findall("MISS|HIT", "".join(said)) == ["MISS", "MISS", "HIT", "HIT", "HIT"]
    assert "404" in refused
