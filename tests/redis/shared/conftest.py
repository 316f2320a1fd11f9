"""Caches that share a real server, each with a folder of its own, as on machines of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest
from tests.redis.serving import RealServer

from refrain_cache import AsyncCache, CacheSettings, SharedSettings, Timing

# Where no time is what is tested: this machine may be busy.
PATIENT_MS = 5000.0

Machine = Callable[..., Any]


def shared_settings(server: RealServer, **changes: Any) -> SharedSettings:
    """How machines reach the server."""
    authority = server.certificates.authority if server.certificates else None
    given = SharedSettings(server.url, ca_file=authority, timeout_ms=PATIENT_MS)
    return attrs.evolve(given, **changes)


async def until(met: Callable[[], Any], patience_s: float = 20.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(patience_s):
        while True:
            if met():
                return
            await asyncio.sleep(0.01)


async def until_there(server: RealServer, number: int) -> None:
    """Wait until so many answers have come to the server, behind the replies."""
    with server.client() as client:
        await until(lambda: len(list(client.scan_iter("refrain:{*}"))) >= number)


@pytest.fixture
async def machine(server: RealServer, tmp_path: Path) -> AsyncIterator[Machine]:
    """Opens the cache of a machine, by its name; `changes` are of the shared tier's settings."""
    async with AsyncExitStack() as stack:

        async def opened(
            name: str, *, timing: Timing | None = None, memory: int = 100, **changes: Any
        ) -> AsyncCache:
            settings = CacheSettings(
                cache_dir=tmp_path / name,
                memory_entries=memory,
                shared=shared_settings(server, **changes),
            )
            return await stack.enter_async_context(AsyncCache(settings, timing=timing))

        yield opened
