"""What one configuration makes: a cache, a way to an engine, stages and recipes over them."""

from __future__ import annotations

import asyncio
import logging

from refrain_cache import AsyncCache
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment import AsyncHybridScorer, AsyncImageDescriber, AsyncPostEnricher
from refrain_sidecar.enrichment.recipes.running import AsyncRecipes
from refrain_sidecar.inference.choose import EngineChooser

LOG = logging.getLogger("refrain")


class Assembly:
    """The parts that live and die with one configuration.

    A changed configuration makes a new assembly; the old one serves what it has begun and closes
    when its last user leaves.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cache = AsyncCache(settings.caching)
        self.chooser = EngineChooser(settings, threads_in_force(settings))
        self.describer = AsyncImageDescriber(self.cache, self.chooser, settings)
        self.scorer = AsyncHybridScorer(self.cache, self.chooser, settings)
        self.post_enricher = AsyncPostEnricher(self.cache, self.chooser, settings)
        self.recipes = AsyncRecipes(self.cache, self.chooser, settings)
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        await self.cache.open()
        stats = await self.cache.get_stats("session")
        LOG.info("[PERF] Cache enabled: %s", self.settings.caching.enabled)
        LOG.info("[PERF] Cache entries: %d", stats.entries)

    async def close(self) -> None:
        """Wait until nobody uses the parts, then close them; the engine stops with its chooser."""
        await self._idle.wait()
        await self.recipes.close()
        await self.chooser.close()
        await self.cache.close()

    async def __aenter__(self) -> Assembly:
        self._users += 1
        self._idle.clear()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users:
            self._idle.set()
