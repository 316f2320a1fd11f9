"""The memory tier keeps what was used last, within its bounds."""

from __future__ import annotations

from refrain_cache.codec import encode
from refrain_cache.lookup.memory import MemoryTier, Remembered, remember


def kept(value: object) -> Remembered:
    return remember(encode(value), expires_at=None, cost_ms=1.0, group=("api", ""))


def test_the_least_recently_used_goes_first() -> None:
    tier = MemoryTier(2)
    tier.put("a", kept(1))
    tier.put("b", kept(2))
    tier.get("a")
    tier.put("c", kept(3))
    assert [tier.get(k) is not None for k in "abc"] == [True, False, True]
    # Asked for once each since: the older of the two goes.
    tier.put("d", kept(4))
    assert [tier.get(k) is not None for k in "acd"] == [False, True, True]


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
