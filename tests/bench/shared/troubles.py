"""How long lookups wait for the shared tier, and whether any fails, while the server is in trouble.

Misses, with an engine that takes no time. What is measured is the tier's own part of each: looking
there, and taking the lease. What the file takes is the same with it and without.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.redis.serving import RealServer, serving

from refrain_cache import AsyncCache, CacheSettings, SharedSettings, fingerprint

_LIMIT_MS = 50.0
# Lookups before the trouble begins, and after.
_BEFORE, _AFTER = 100, 1500


def _full(server: RealServer) -> None:
    server.configure(maxmemory="1", maxmemory_policy="noeviction")


def _read_only(server: RealServer) -> None:
    with server.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        client.config_set("replica-serve-stale-data", "yes")


TROUBLES: dict[str, Callable[[RealServer], object]] = {
    "killed": RealServer.kill,
    "stopped": RealServer.pause,
    "restarted": RealServer.restart,
    "full": _full,
    "read-only": _read_only,
}


async def troubles() -> dict[str, dict[str, float]]:
    """Per trouble: answers that failed, who waited for the limit, and how long the others did."""
    return {name: await _measured(begin) for name, begin in TROUBLES.items()}


async def _measured(begin: Callable[[RealServer], object]) -> dict[str, float]:
    failed = 0
    took: list[float] = []
    with serving("redis") as server, tempfile.TemporaryDirectory() as folder:
        shared = SharedSettings(server.url, timeout_ms=_LIMIT_MS)
        async with AsyncCache(CacheSettings(cache_dir=Path(folder), shared=shared)) as cache:
            await cache.look_at_shared()
            tier: Any = cache._tiers.shared

            def timed(work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
                async def wrapped(*given: Any, **more: Any) -> Any:
                    began = time.perf_counter()
                    try:
                        return await work(*given, **more)
                    finally:
                        took[-1] += (time.perf_counter() - began) * 1e3

                return wrapped

            tier.get, tier.turn = timed(tier.get), timed(tier.turn)

            async def compute() -> int:
                return 1

            async def look(n: int) -> None:
                nonlocal failed
                took.append(0.0)
                try:
                    await cache.get_or_compute(fingerprint("api", n), compute)
                except Exception:
                    failed += 1

            for n in range(_BEFORE):
                await look(n)
            took.clear()
            await asyncio.to_thread(begin, server)
            for n in range(_BEFORE, _BEFORE + _AFTER):
                await look(n)
            server.resume()
    waited = sum(each >= _LIMIT_MS * 0.9 for each in took)
    others = sorted(took)[: len(took) - waited]
    return {
        "failed": failed,
        "waited for the limit": waited,
        "longest ms": round(max(took), 2),
        "p50 of the others ms": round(others[len(others) // 2], 3),
        "p99 of the others ms": round(others[int(len(others) * 0.99)], 3),
    }
