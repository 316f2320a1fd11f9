"""The page's routes, over a real cache and a real server, asked as a browser would."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.page_serving import HOSTILE, Proxy, an_hour, page_served, store

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.serve.figures import Counts, InFlight
from refrain_sidecar.serve.page import events, page
from refrain_sidecar.serve.page.telling import never_hits

PATIENCE_S = 20.0


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[AsyncCache]:
    async with AsyncCache(CacheSettings(cache_dir=tmp_path)) as opened:
        yield opened


@pytest.fixture
def proxy() -> Proxy:
    return Proxy()


@pytest.fixture
async def client(cache: AsyncCache, proxy: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        page_served(proxy, cache) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as asking,
    ):
        yield asking


async def told(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/refrain/figures")).json()


async def listed(client: httpx.AsyncClient, **asked: str | int) -> dict[str, Any]:
    answer = await client.get("/refrain/entries", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (what is awaited has no event of its own)
            await asyncio.sleep(0.01)


# --- the files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("", "text/html"),
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
    ],
)
async def test_the_files_come_as_they_are_in_the_package(
    client: httpx.AsyncClient, path: str, media_type: str
) -> None:
    answer = await client.get(f"/refrain{path}")
    name = path.lstrip("/") or "page.html"
    assert answer.text == files("refrain_sidecar.serve.page").joinpath(name).read_text("utf-8")
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["", "/page.js", "/figures", "/entries", "/explain?key=x", "/metrics"]
)
async def test_every_answer_forbids_what_the_page_does_not_need(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = (await client.get(f"/refrain{path}")).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_the_page_names_nothing_from_elsewhere_and_parses_no_html() -> None:
    room = files("refrain_sidecar.serve.page")
    texts = {name: room.joinpath(name).read_text("utf-8") for name in ("page.html", "page.js")}
    names = re.findall(r'(?:src|href)="([^"]+)"', texts["page.html"])
    assert names == ["data:,", "/refrain/page.css", "/refrain/page.js", *["/refrain/metrics"] * 2]
    assert not re.search(r"\bstyle=|\bon\w+=|<script>", texts["page.html"])
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval", texts["page.js"]
    )


# --- the figures ----------------------------------------------------------------------------------


async def test_the_figures_are_those_of_the_proxy_and_of_the_cache(
    client: httpx.AsyncClient, proxy: Proxy, cache: AsyncCache
) -> None:
    an_hour(proxy)
    await store(cache, 6)
    figures = await told(client)
    totals = proxy.figures.totals
    assert figures["totals"]["requests"] == totals.requests
    assert figures["totals"]["hit_rate"] == pytest.approx(
        (totals.hits + totals.coalesced) / (totals.requests - totals.passed)
    )
    assert [row["name"] for row in figures["clients"]][:2] == ["Continue/1.3", "Open WebUI"]
    assert sum(row["requests"] for row in figures["models"]) == totals.requests
    assert sum(minute["requests"] for minute in figures["minutes"]) == totals.requests
    assert figures["in_flight_total"] == len(figures["in_flight"]) == 2
    assert figures["about"] == proxy.about
    assert figures["cache"]["entries"] == 8
    assert figures["cache"]["kinds"] == ["api_chat", "api_embed", "stage1_enrichment"]


async def test_before_the_first_request_there_is_no_rate(client: httpx.AsyncClient) -> None:
    figures = await told(client)
    assert figures["totals"]["hit_rate"] is None
    assert (figures["clients"], figures["minutes"], figures["in_flight"]) == ([], [], [])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(misses=19), False),
        (Counts(misses=20), True),
        (Counts(misses=20, errors=1), False),
        (Counts(passed=20), True),
        (Counts(passed=20, would_hit=1), False),
        (Counts(misses=200, hits=1), False),
        (Counts(misses=200, coalesced=1), False),
    ],
)
def test_a_client_never_hits_after_twenty_requests_none_of_which_came_again(
    counts: Counts, expected: bool
) -> None:
    assert never_hits(counts) is expected


async def test_of_many_names_the_fifty_with_most_requests_are_told(
    client: httpx.AsyncClient, proxy: Proxy
) -> None:
    for number in range(500):
        proxy.figures.clients[f"client {number}"] = Counts(misses=number)
    rows = (await told(client))["clients"]
    assert [row["name"] for row in rows] == [f"client {n}" for n in range(499, 449, -1)]


# --- events ---------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(client: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[str]]:
    async with client.stream("GET", "/refrain/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer.aiter_lines()


async def event(lines: AsyncIterator[str]) -> dict[str, Any]:
    """The next event's figures."""
    async with asyncio.timeout(PATIENCE_S):
        async for line in lines:
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream ended")


async def test_an_event_comes_at_once_and_another_after_each_change(
    client: httpx.AsyncClient, proxy: Proxy
) -> None:
    async with listening(client) as lines:
        assert (await event(lines))["totals"]["hits"] == 0
        proxy.count("c", "m", "/api/chat", 0, hits=1)
        proxy.changed()
        assert (await event(lines))["totals"]["hits"] == 1


async def test_what_is_stored_changes_them_too(
    client: httpx.AsyncClient, cache: AsyncCache
) -> None:
    await store(cache, 2)
    async with listening(client) as lines:
        assert (await event(lines))["cache"]["entries"] == 4
        await client.post("/refrain/purge", json={"kind": "api_chat"})
        assert (await event(lines))["cache"]["entries"] == 2


async def test_a_thousand_changes_are_one_event_with_the_last_of_them(
    client: httpx.AsyncClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "AT_MOST_EVERY_S", 0.2)
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.3)
    async with listening(client) as lines:
        await event(lines)
        for _ in range(1000):
            proxy.count("c", "m", "/api/chat", 0, hits=1)
            proxy.changed()
        assert (await event(lines))["totals"]["hits"] == 1000
        async for line in lines:
            if line:
                assert line.startswith(":"), "nothing has changed: a heartbeat and no event"
                break


async def test_a_client_that_leaves_is_no_longer_told(
    client: httpx.AsyncClient, proxy: Proxy
) -> None:
    async with listening(client) as one, listening(client) as other:
        await event(one)
        await event(other)
        assert len(proxy.listeners) == 2
    await until(lambda: not proxy.listeners)


async def test_between_two_events_there_is_a_time(
    client: httpx.AsyncClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "AT_MOST_EVERY_S", 3600.0)
    async with listening(client) as lines:
        await event(lines)
        proxy.changed()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(event(lines), 0.5)


async def test_for_one_that_does_not_read_no_events_heap_up(
    client: httpx.AsyncClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    def counting(*facts: Any) -> dict[str, Any]:
        nonlocal made
        made += 1
        return told_by(*facts)

    told_by = page.told
    monkeypatch.setattr(page, "told", counting)
    monkeypatch.setattr(events, "AT_MOST_EVERY_S", 0.0)
    # Ten megabytes an event: more than the buffers between the two hold.
    proxy.flying = [InFlight("/api/chat", "m" * 200_000, "c", 0.0, 1, 0)] * 50
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as silent:
        silent.sendall(b"GET /refrain/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await until(lambda: made)
        for _ in range(50):
            proxy.changed()
            await asyncio.sleep(0.01)
        # The one that is being sent, and the one that waits for it.
        assert made <= 2
        assert (await told(client))["in_flight_total"] == 50, "others are answered meanwhile"
        assert len(proxy.listeners) == 1
    await until(lambda: not proxy.listeners)


async def test_an_open_page_does_not_hold_back_the_shutdown(
    cache: AsyncCache, proxy: Proxy
) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(timeout=PATIENCE_S) as asking:
        async with page_served(proxy, cache) as url:
            stream = asking.stream("GET", f"{url}/refrain/events")
            lines = (await stream.__aenter__()).aiter_lines()
            await event(lines)
        assert [line async for line in lines if line.startswith("data")] == []
        await stream.__aexit__(None, None, None)
    assert not proxy.listeners


# --- entries --------------------------------------------------------------------------------------


async def test_the_entries_are_those_of_the_proxy_unless_all_are_asked_for(
    client: httpx.AsyncClient, cache: AsyncCache
) -> None:
    await store(cache, 9)
    proxied = await listed(client)
    assert proxied["total"] == 10
    assert {entry["kind"] for entry in proxied["entries"]} == {"api_chat", "api_embed"}
    assert (await listed(client, kind="all"))["total"] == 11
    (own,) = (await listed(client, kind="stage1_enrichment"))["entries"]
    assert own["label"] == "happy/grateful"


@pytest.mark.parametrize("kind", ["", "api_embed"])
async def test_pages_follow_each_other_in_the_order_asked_for(
    client: httpx.AsyncClient, cache: AsyncCache, kind: str
) -> None:
    await store(cache, 12)
    asked: dict[str, str | int] = {"kind": kind, "order": "size", "limit": 5}
    whole = (await listed(client, **(asked | {"limit": 200})))["entries"]
    assert [e["bytes"] for e in whole] == sorted((e["bytes"] for e in whole), reverse=True)
    parts = [(await listed(client, **asked, offset=offset))["entries"] for offset in (0, 5, 10)]
    assert [entry for part in parts for entry in part] == whole


async def test_a_search_looks_at_label_kind_model_and_key(
    client: httpx.AsyncClient, cache: AsyncCache
) -> None:
    await store(cache, 9)
    searches = {
        "LLAMA3.2": 3,
        "/api/chat 3": 1,
        "api_embed": 6,
        "<script>": 1,
        "' OR 1=1 --": 0,
        "happy": 0,
        "  ": 10,
    }
    assert {search: (await listed(client, search=search))["total"] for search in searches} == (
        searches
    )
    (entry,) = (await listed(client, search="/api/chat 3"))["entries"]
    assert (await listed(client, search=entry["key"][5:30]))["entries"] == [entry]


async def test_a_search_says_how_many_it_did_not_look_at(
    client: httpx.AsyncClient, cache: AsyncCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "SEARCHED", 4)
    await store(cache, 9)
    page_found = await listed(client, search="api_", kind="all", order="created")
    assert (page_found["total"], page_found["unread"]) == (3, 7)


async def test_what_cannot_be_listed_is_refused(client: httpx.AsyncClient) -> None:
    for asked in (
        "order=random",
        "limit=-1",
        "limit=x",
        "limit=%C2%B2",
        "offset=1.5",
        "offset=99999999999",
    ):
        answer = await client.get(f"/refrain/entries?{asked}")
        assert (answer.status_code, "error" in answer.json()) == (400, True), asked


async def test_names_come_as_they_are_for_the_page_to_show_as_text(
    client: httpx.AsyncClient, cache: AsyncCache
) -> None:
    await store(cache, 1)
    answer = await client.get("/refrain/entries", params={"search": "<img"})
    assert answer.headers["content-type"] == "application/json"
    (entry,) = answer.json()["entries"]
    assert (entry["label"], entry["model"]) == (HOSTILE, HOSTILE)


# --- purging and explaining -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "left"),
    [({"kind": "api_embed"}, 5), ({"model": "llama3.2:3b"}, 8), ({"model": HOSTILE}, 10)],
)
async def test_a_purge_takes_what_it_names_and_a_dry_run_nothing(
    client: httpx.AsyncClient, cache: AsyncCache, selection: dict[str, str], left: int
) -> None:
    await store(cache, 9)
    would = (await client.post("/refrain/purge", json={**selection, "dry_run": True})).json()
    assert (await cache.entries()).total == 11
    purged = (await client.post("/refrain/purge", json=selection)).json()
    assert purged == would
    assert purged["entries"] == 11 - left
    assert (await cache.entries()).total == left


async def test_one_entry_is_purged_by_its_whole_key_and_explain_says_so(
    client: httpx.AsyncClient, cache: AsyncCache
) -> None:
    await store(cache, 4)
    key = (await listed(client))["entries"][0]["key"]
    explained = (await client.get("/refrain/explain", params={"key": key[:12]})).json()
    assert (explained["cause"], explained["key"]) == ("stored", key)
    assert (await client.post("/refrain/purge", json={"key": key})).json()["entries"] == 1
    explained = (await client.get("/refrain/explain", params={"key": key[:12]})).json()
    assert explained["cause"] == "purged"
    assert key not in [entry["key"] for entry in (await listed(client))["entries"]]


async def test_an_explanation_tells_how_the_nearest_relative_differs(
    client: httpx.AsyncClient, cache: AsyncCache
) -> None:
    await store(cache, 6)
    # 4 and 5 ask the same of a model at two temperatures.
    (entry,) = (await listed(client, search="/api/embed 5"))["entries"]
    explained = (await client.get("/refrain/explain", params={"key": entry["key"]})).json()
    (differs,) = explained["differences"]
    assert differs == {"ingredient": "identity.temperature", "stored": "0", "now": "1"}


async def test_what_is_no_key_is_refused(client: httpx.AsyncClient) -> None:
    for key in ("", "xyz", "0" * 65, HOSTILE):
        answer = await client.get("/refrain/explain", params={"key": key})
        assert (answer.status_code, "error" in answer.json()) == (400, True), key


async def test_a_purge_of_anything_but_one_thing_is_refused(
    client: httpx.AsyncClient, cache: AsyncCache
) -> None:
    await store(cache, 2)
    bodies: list[Any] = [
        {},
        [],
        "everything",
        {"everything": True},
        {"key": "ab"},
        {"key": "x" * 64},
        {"kind": ""},
        {"kind": None},
        {"kind": "api_chat", "model": "llama3.2:3b"},
        {"kind": "api_chat", "dry_run": "yes"},
        {"dry_run": True},
    ]
    for body in bodies:
        answer = await client.post("/refrain/purge", json=body)
        assert (answer.status_code, "error" in answer.json()) == (400, True), body
    assert (await cache.entries()).total == 4


async def test_what_a_form_or_a_mistake_could_send_purges_nothing(
    client: httpx.AsyncClient, cache: AsyncCache
) -> None:
    await store(cache, 2)
    for content, media_type, status in (
        (b'{"kind": "api_chat"}', "text/plain", 415),
        (b"kind=api_chat", "application/x-www-form-urlencoded", 415),
        (b'{"kind": "api_chat"}', "", 415),
        (b'{"kind": ', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 4000, "application/json", 400),
        (b'"' + b"x" * 1_000_000, "application/json", 413),
    ):
        headers = {"content-type": media_type}
        answer = await client.post("/refrain/purge", content=content, headers=headers)
        assert answer.status_code == status, content[:40]
    assert (await client.get("/refrain/purge")).status_code == 405
    assert (await cache.entries()).total == 4


async def test_without_a_usable_file_the_page_says_why_and_a_purge_that_it_was_not_done(
    tmp_path: Path, proxy: Proxy
) -> None:
    (tmp_path / "file").write_text("no folder")
    settings = CacheSettings(cache_dir=tmp_path / "file" / "cache")
    async with (
        AsyncCache(settings) as cache,
        page_served(proxy, cache) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client,
    ):
        told_cache = (await told(client))["cache"]
        assert told_cache["mode"] == "bypass"
        assert told_cache["reason"]
        answer = await client.post("/refrain/purge", json={"kind": "api_chat"})
        assert answer.status_code == 503
        assert "purge" in answer.json()["error"]
        assert (await listed(client))["total"] == 0
