"""What one machine has computed, the others find: how they say so, and for how long."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.redis.serving import RealServer
from tests.redis.shared.conftest import Machine, shared_settings, until, until_there

from refrain_cache import (
    AsyncCache,
    Cache,
    CacheSettings,
    CacheUnavailableError,
    Fingerprint,
    Selection,
    fingerprint,
)

ANSWER = {"poem": ["a", "b"], "n": 1.5}


def asked(question: str, kind: str = "stage1_enrichment", model: str = "m:1") -> Fingerprint:
    return fingerprint(kind, question, identity={"model": model, "digest": "d" * 64})


async def computed() -> object:
    return ANSWER


async def never() -> object:
    raise AssertionError("it was asked for again")


async def test_an_answer_of_one_machine_is_a_hit_on_another_and_fills_its_tiers(
    server: RealServer, machine: Machine
) -> None:
    here, there = await machine("here"), await machine("there", memory=0)
    await here.get_or_compute(asked("a"), computed, label="happy/grateful", model="m:1")
    await until_there(server, 1)

    outcomes = [await there.get_or_compute(asked("a"), never) for _ in range(2)]
    await there.get_stats()  # what arrives is in the file
    outcomes.append(await there.get_or_compute(asked("a"), never))
    assert [o.value for o in outcomes] == [ANSWER] * 3
    assert outcomes[0].tier == "shared"
    assert outcomes[-1].tier == "disk"
    (entry,) = (await there.entries()).entries
    assert (entry.label, entry.model, entry.kind) == ("happy/grateful", "m:1", "stage1_enrichment")

    stats = await there.get_stats("all")
    assert stats.hits_shared >= 1
    assert stats.lookups == stats.hits_memory + stats.hits_disk + stats.hits_shared == 3
    assert stats.hit_rate == 1.0
    assert stats.state.shared is not None
    assert (stats.state.shared.url, stats.state.shared.reason) == (server.url, None)


async def test_find_lookup_and_peek_see_it_too(server: RealServer, machine: Machine) -> None:
    here, there = await machine("here"), await machine("there")
    assert await here.set(content="a", cache_type="api", value=ANSWER)
    await until_there(server, 1)
    fp = fingerprint("api", "a")
    assert await there.peek(fp)
    assert (await there.get_stats()).lookups == 0
    hit = await there.find(fp)
    assert hit is not None
    assert (hit.tier, hit.value) == ("shared", ANSWER)
    assert not await there.peek(fingerprint("api", "b"))
    assert await there.lookup(fingerprint("api", "b")) is None


async def test_the_server_keeps_the_time_to_live(server: RealServer, machine: Machine) -> None:
    here = await machine("here")
    await here.set(content="a", cache_type="api", value=1, ttl=60)
    await here.set(content="b", cache_type="api", value=1, ttl=float("inf"))
    await until_there(server, 2)
    with server.client() as client:
        left = sorted(client.pttl(name) for name in client.scan_iter("refrain:{*}"))
    assert left[0] == -1
    assert 30_000 < left[1] <= 60_000


async def test_what_its_maker_lets_expire_is_a_miss_though_the_server_has_it(
    server: RealServer, machine: Machine
) -> None:
    here, there = await machine("here"), await machine("there")
    await here.set(content="a", cache_type="api", value=1, ttl=0.2)
    with server.client() as client:
        for name in client.scan_iter("refrain:{*}"):
            client.persist(name)
    await asyncio.sleep(0.25)
    assert await there.lookup(fingerprint("api", "a")) is None


async def test_a_large_answer_is_shared_and_one_above_the_limit_stays_here(
    server: RealServer, machine: Machine
) -> None:
    here, there = await machine("here"), await machine("there")
    large = {"words": [f"word {i}" for i in range(40_000)]}
    random = {"text": os.urandom(1_500_000).hex()}
    await here.set(content="large", cache_type="api", value=large)
    await here.set(content="random", cache_type="api", value=random)
    await until_there(server, 1)
    assert await there.get(content="large", cache_type="api") == large
    assert await there.get(content="random", cache_type="api") is None
    assert await here.get(content="random", cache_type="api") == random


async def test_equal_lookups_at_once_are_one_request(server: RealServer, machine: Machine) -> None:
    here, there = await machine("here"), await machine("there")
    await here.set(content="a", cache_type="api", value=ANSWER)
    await until_there(server, 1)
    await there.get(content="warm", cache_type="api")
    with server.client() as client:
        client.config_resetstat()
        fp = fingerprint("api", "a")
        found = await asyncio.gather(*(there.get_or_compute(fp, never) for _ in range(25)))
        calls = client.info("commandstats").get("cmdstat_getrange", {"calls": 0})["calls"]
    assert calls == 1
    assert [o.value for o in found] == [ANSWER] * 25
    stats = await there.get_stats()
    assert stats.hits_shared == 1


async def test_many_lookups_at_once_take_few_connections(
    server: RealServer, machine: Machine
) -> None:
    here = await machine("here")
    await asyncio.gather(*(here.get_or_compute(asked(str(n)), computed) for n in range(300)))
    await until_there(server, 300)
    there = await machine("there")
    found = await asyncio.gather(*(there.get_or_compute(asked(str(n)), never) for n in range(300)))
    assert {o.tier for o in found} == {"shared"}
    with server.client() as client:
        assert client.info("clients")["connected_clients"] < 25


async def test_it_explains_what_only_the_server_has(server: RealServer, machine: Machine) -> None:
    here, there = await machine("here"), await machine("there")
    await here.get_or_compute(asked("a"), computed)
    await until_there(server, 1)
    for explained in (
        await there.explain(asked("a")),
        await there.explain_key(asked("a").key.upper()),
    ):
        assert (explained.would_hit, explained.cause) == (True, "stored")
        assert "shared tier" in explained.summary
        assert (explained.key, explained.kind) == (asked("a").key, "stage1_enrichment")
    assert not (await there.explain(asked("a", model="m:2"))).would_hit
    assert not (await there.explain_key(asked("b").key)).would_hit


async def test_a_purge_takes_what_it_means_and_nobody_elses_keys(
    server: RealServer, machine: Machine
) -> None:
    here, there = await machine("here"), await machine("there")
    for n in range(70):
        await here.set(content=n, cache_type="api", value=n, model=f"m:{n % 2}")
    await here.set(content="x", cache_type="recipe", value=1)
    await until_there(server, 71)
    others = ["refrain:queue", "refrain:{abc}", f"refrain:{{{'0' * 64}}}:lease", "other:{a}"]
    with server.client() as client:
        for name in others:
            client.set(name, "theirs")

        counted = await there.purge(Selection(kind="api", model="m:1", shared=True), dry_run=True)
        assert (counted.entries, counted.shared) == (0, 35)
        gone = await there.purge(Selection(kind="api", model="m:1", shared=True))
        assert gone.shared == 35
        key = fingerprint("api", 0).key
        assert (await there.purge(Selection(key_prefix=key[:9], shared=True))).shared == 1
        assert (await there.purge(Selection(older_than_s=3600, shared=True))).shared == 0
        assert (await there.purge(Selection(shared=True))).shared == 0
        # Of this machine alone it comes back from the server.
        assert (await here.purge(Selection(everything=True))).entries == 71
        assert await here.get(content="x", cache_type="recipe") == 1
        both = await here.purge(Selection(everything=True, shared=True))
        assert (both.entries, both.shared) == (1, 35)
        assert await here.get(content="x", cache_type="recipe") is None
        assert [client.get(name) for name in others] == [b"theirs"] * 4
        with pytest.raises(ValueError, match="does not count uses"):
            await here.purge(Selection(least_used=3, shared=True))


async def test_without_a_shared_tier_there_is_nothing_to_purge_in_it(tmp_path: Path) -> None:
    async with AsyncCache(CacheSettings(cache_dir=tmp_path)) as cache:
        with pytest.raises(CacheUnavailableError, match=r"caching\.shared names no server"):
            await cache.purge(Selection(everything=True, shared=True))
        assert cache.state.shared is None


async def test_a_broken_file_is_no_reason_to_do_without_the_server(
    server: RealServer, machine: Machine, tmp_path: Path
) -> None:
    here = await machine("here")
    await here.get_or_compute(asked("a"), computed)
    await until_there(server, 1)
    (tmp_path / "there").write_text("a file where the folder should be")
    there = await machine("there")
    assert there.state.mode == "bypass"
    assert (await there.get_or_compute(asked("a"), never)).tier == "shared"
    assert (await there.get_or_compute(asked("b"), computed)).outcome == "bypass"
    await until_there(server, 2)
    assert (await here.get_or_compute(asked("b"), never)).tier == "shared"


def test_blocking_callers_and_their_forked_children_share_too(
    server: RealServer, tmp_path: Path
) -> None:
    def settings(name: str) -> CacheSettings:
        return CacheSettings(cache_dir=tmp_path / name, shared=shared_settings(server))

    with Cache(settings("here")) as here, Cache(settings("there")) as there:
        here.set(content="a", cache_type="api", value=1)
        deadline = time.monotonic() + 10
        while there.get(content="a", cache_type="api") != 1:
            assert time.monotonic() < deadline
        child = os.fork()
        if not child:
            there.set(content="of the child", cache_type="api", value=2)
            found = there.get(content="a", cache_type="api") == 1
            there.close()
            os._exit(0 if found else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        # The parent's connections are its own still, and the child's answer has come.
        assert here.get(content="of the child", cache_type="api") == 2
        assert there.purge(Selection(everything=True, shared=True)).shared == 2


async def test_closing_leaves_no_task_and_no_connection(server: RealServer, tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    settings = CacheSettings(cache_dir=tmp_path, shared=shared_settings(server))
    async with AsyncCache(settings) as cache:
        await asyncio.gather(*(cache.get_or_compute(asked(str(n)), computed) for n in range(20)))
    assert asyncio.all_tasks() == before
    with server.client() as client:
        await until(lambda: client.info("clients")["connected_clients"] == 1)
        # What was returned just before is there: closing waits for it.
        assert len(list(client.scan_iter("refrain:{*}"))) == 20
        assert not list(client.scan_iter("*:lease"))
