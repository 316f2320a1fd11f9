"""Purging takes what was selected and nothing else."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from refrain_cache import AsyncCache, CacheSettings, Selection, fingerprint


async def fill(cache: AsyncCache, clock: Any) -> None:
    for n in range(6):
        kind = "api" if n % 2 else "stage1_enrichment"
        assert await cache.set(
            content=n, cache_type=kind, value=n, model=f"m{n % 3}", ttl=50 if n == 5 else 5000
        )
        clock.at += 10
    for n in (0, 1, 2):
        for _ in range(n + 1):
            await cache.get(content=n, cache_type="api" if n % 2 else "stage1_enrichment")


SELECTIONS = [
    (Selection(), set()),
    (Selection(everything=True), {0, 1, 2, 3, 4, 5}),
    (Selection(kind="api"), {1, 3, 5}),
    (Selection(model="m1"), {1, 4}),
    (Selection(kind="api", model="m1"), {1}),
    (Selection(older_than_s=31), {0, 1, 2}),
    (Selection(least_used=3), {3, 4, 5}),
    (Selection(kind="api", least_used=1), {3}),
    (Selection(key_prefix=fingerprint("api", 3).key[:12]), {3}),
    (Selection(expired=True), {5}),
    (Selection(everything=True, kind="api"), {1, 3, 5}),
]


@pytest.mark.parametrize(("selection", "goes"), SELECTIONS, ids=lambda v: str(v)[:60])
async def test_a_selection(
    cache: AsyncCache, clock: Any, selection: Selection, goes: set[int]
) -> None:
    await fill(cache, clock)
    if selection.expired:
        clock.at += 45
    before = await cache.get_stats()
    counted = await cache.purge(selection, dry_run=True)
    assert (await cache.get_stats()).entries == 6
    purged = await cache.purge(selection)
    assert purged == counted
    assert purged.entries == len(goes)
    after = await cache.get_stats()
    assert (after.entries, after.bytes) == (6 - len(goes), before.bytes - purged.bytes)
    left = {
        n
        for n in range(6)
        if await cache.peek(fingerprint("api" if n % 2 else "stage1_enrichment", n))
    }
    assert left == set(range(6)) - goes


async def test_a_prefix_that_is_no_key_is_refused(cache: AsyncCache) -> None:
    with pytest.raises(ValueError, match="hex"):
        await cache.purge(Selection(key_prefix="xyz"))


async def test_purging_many_goes_in_steps(cache: AsyncCache) -> None:
    for n in range(1201):
        await cache.set(content=n, cache_type="api", value=n)
    assert (await cache.purge(Selection(everything=True))).entries == 1201
    assert (await cache.get_stats()).bytes == 0


async def test_what_is_purged_goes_back_to_the_disk(
    settings: CacheSettings,
) -> None:
    assert settings.cache_dir is not None
    file = settings.cache_dir / "perf_cache.db"
    rng = random.Random(4)
    async with AsyncCache(settings) as cache:
        await asyncio.gather(
            *(
                cache.set(content=n, cache_type="api", value=rng.randbytes(5000).hex())
                for n in range(1500)
            )
        )
    full = file.stat().st_size
    async with AsyncCache(settings) as cache:
        assert (await cache.purge(Selection(everything=True))).entries == 1500
    assert file.stat().st_size < full / 10
    async with AsyncCache(settings) as cache:
        assert (await cache.verify()).clean
