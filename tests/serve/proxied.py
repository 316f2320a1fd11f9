"""The proxy in the test's own event loop, over a real cache in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import frozen

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import ServeSettings, Settings
from refrain_sidecar.serve.hosting import Hosting


@frozen
class Proxied:
    """A running proxy."""

    url: str
    cache: AsyncCache
    hosting: Hosting


def settings(folder: Path, upstream: str, **serve: object) -> Settings:
    """A configuration whose answers are kept in `folder`, on a free port."""
    given = {"port": 0, "upstream": upstream, **serve}
    return Settings(
        caching=CacheSettings(cache_dir=folder),
        serve=ServeSettings(**given),  # type: ignore[arg-type]
    )


@asynccontextmanager
async def proxied(folder: Path, upstream: str, **serve: object) -> AsyncIterator[Proxied]:
    """A proxy in front of `upstream`, with these settings of `serve`."""
    chosen = settings(folder, upstream, **serve)
    async with AsyncCache(chosen.caching) as cache:
        hosting = Hosting(chosen, cache)
        try:
            state = await hosting.start()
            assert state.url is not None, state.error
            yield Proxied(state.url, cache, hosting)
        finally:
            await hosting.close()
