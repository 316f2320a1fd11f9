"""`/refrain/metrics`, read with Prometheus' own parsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import parser
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from tests.serve.page_serving import Proxy, an_hour, page_served, store

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar import __version__

OPEN = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def proxy() -> Proxy:
    busy = Proxy()
    an_hour(busy)
    return busy


@pytest.fixture
async def client(tmp_path: Path, proxy: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    async with AsyncCache(CacheSettings(cache_dir=tmp_path)) as cache:
        await store(cache, 6)
        async with (
            page_served(proxy, cache) as url,
            httpx.AsyncClient(base_url=url, timeout=20.0) as asking,
        ):
            yield asking


async def scraped(client: httpx.AsyncClient) -> dict[str, Metric]:
    answer = await client.get("/refrain/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in parser.text_string_to_metric_families(answer.text)}


async def test_the_counters_add_up_to_the_figures(client: httpx.AsyncClient, proxy: Proxy) -> None:
    families, totals = await scraped(client), proxy.figures.totals
    by_outcome: dict[str, float] = {}
    for sample in families["refrain_requests"].samples:
        assert sample.name == "refrain_requests_total"
        outcome = sample.labels["outcome"]
        by_outcome[outcome] = by_outcome.get(outcome, 0) + sample.value
    assert by_outcome == {
        "hit": totals.hits,
        "coalesced": totals.coalesced,
        "miss": totals.misses,
        "passed": totals.passed,
    }
    sums = {
        name: sum(sample.value for sample in families[f"refrain_{name}"].samples)
        for name in (
            "saved_seconds",
            "saved_tokens",
            "would_hit_requests",
            "would_save_seconds",
            "unkept_answers",
            "upstream_errors",
            "passed_through_requests",
        )
    }
    assert sums == {
        "saved_seconds": pytest.approx(totals.saved_ms / 1000),
        "saved_tokens": totals.saved_tokens,
        "would_hit_requests": totals.would_hit,
        "would_save_seconds": pytest.approx(totals.would_save_ms / 1000),
        "unkept_answers": totals.unkept,
        "upstream_errors": totals.errors,
        "passed_through_requests": 214,
    }
    assert all(sums.values()), "each was counted at least once"


async def test_the_gauges_are_what_is_so_now(client: httpx.AsyncClient, proxy: Proxy) -> None:
    proxy.about["reachable"] = False
    families = await scraped(client)
    now = {
        name.removeprefix("refrain_"): family.samples[0].value
        for name, family in families.items()
        if family.type == "gauge" and name != "refrain_build_info"
    }
    assert now.pop("cache_bytes") > 6 * 400
    assert now == {
        "in_flight_requests": 2,
        "in_flight_clients": 3,
        "cache_entries": 8,
        "cache_max_bytes": CacheSettings().max_bytes,
        "cache_usable": 1,
        "upstream_up": 0,
        "start_time_seconds": pytest.approx(proxy.figures.since),
    }
    assert families["refrain_build_info"].samples[0].labels == {"version": __version__}


async def test_no_client_and_no_model_makes_a_series(
    client: httpx.AsyncClient, proxy: Proxy
) -> None:
    before = await scraped(client)
    for number in range(1000):
        proxy.count(f"client {number}", f"model {number}", "/api/chat", 0.0, misses=1)
    after = await scraped(client)
    assert {name: len(family.samples) for name, family in after.items()} == {
        name: len(family.samples) for name, family in before.items()
    }


async def test_who_asks_for_openmetrics_gets_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/refrain/metrics", headers={"accept": OPEN})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    names = {family.name for family in open_families(answer.text)}
    assert {"refrain_requests", "refrain_build", "refrain_saved_seconds"} <= names
