"""The memory tier keeps what was used last, within its bounds."""

from __future__ import annotations

from pathlib import Path

from refrain_cache import AsyncCache, CacheSettings, fingerprint
from refrain_cache.codec import encode
from refrain_cache.lookup.memory import MemoryTier, Remembered, remember


def kept(value: object) -> Remembered:
    return remember(encode(value), expires_at=None, cost_ms=1.0, group=("api", ""))


def given(tier: MemoryTier, key: str) -> bool:
    """A lookup as the tiers make it."""
    found = tier.get(key)
    if found is not None:
        found.asked = True
    return found is not None


def test_the_least_recently_used_goes_first() -> None:
    tier = MemoryTier(2)
    tier.put("a", kept(1))
    tier.put("b", kept(2))
    given(tier, "a")
    tier.put("c", kept(3))
    assert [given(tier, k) for k in "abc"] == [True, False, True]
    # Asked for once each since: the older of the two goes.
    tier.put("d", kept(4))
    assert [given(tier, k) for k in "acd"] == [False, True, True]


def test_what_is_found_once_in_the_file_puts_out_nothing() -> None:
    tier = MemoryTier(2)
    assert tier.welcomes("a")  # there is room
    for key in "ab":
        tier.put(key, kept(key))
    assert not tier.welcomes("c")
    assert not tier.welcomes("d")
    assert tier.welcomes("c")
    # What was found once is forgotten in time, so that the tier's own size bounds it.
    for n in range(5):
        assert not tier.welcomes(str(n))
    assert not tier.welcomes("d")


async def test_a_sweep_over_the_file_leaves_memory_as_it_was(tmp_path: Path) -> None:
    settings = CacheSettings(cache_dir=tmp_path, memory_entries=4)
    async with AsyncCache(settings) as cache:
        for n in range(50):
            await cache.set(content=n, cache_type="api", value=n)

        async def tiers_of(numbers: range) -> list[str | None]:
            hits = [await cache.lookup(fingerprint("api", n)) for n in numbers]
            return [hit.tier for hit in hits if hit is not None]

        assert await tiers_of(range(46, 50)) == ["memory"] * 4
        assert await tiers_of(range(40)) == ["disk"] * 40
        assert await tiers_of(range(46, 50)) == ["memory"] * 4


def test_bytes_are_bounded_and_counted_through_replacing() -> None:
    tier = MemoryTier(100, max_bytes=1500)
    for n in range(10):
        tier.put("same", kept("x" * 500))
        tier.put(str(n), kept("x" * 450))
    assert len(tier) == 3
    tier.put("too large", kept("x" * 2000))
    assert tier.get("too large") is None
    assert len(tier) == 3
    tier.clear()
    tier.put("a", kept("x" * 1200))
    assert tier.get("a") is not None


def test_none_at_all() -> None:
    tier = MemoryTier(0)
    tier.put("a", kept(1))
    assert tier.get("a") is None


async def test_uses_are_counted_of_what_leaves_memory_and_comes_back(tmp_path: Path) -> None:
    settings = CacheSettings(cache_dir=tmp_path, memory_entries=1)
    async with AsyncCache(settings) as cache:
        for n in range(3):
            await cache.set(content=n, cache_type="api", value=n)
        for n in (0, 1, 0, 2, 0, 0):
            hit = await cache.lookup(fingerprint("api", n))
            assert hit is not None
        # Storing counts as one.
        uses = sorted(entry.uses for entry in (await cache.entries()).entries)
    assert uses == [2, 2, 5]
