"""The two stages over a real cache and the real small model."""

from collections.abc import AsyncIterator

import pytest
from attrs import frozen

from refrain_cache import AsyncCache
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import AsyncHybridScorer, AsyncPostEnricher
from refrain_sidecar.inference.choose import EngineChooser


@frozen
class Stages:
    """What a sidecar has of them."""

    cache: AsyncCache
    chooser: EngineChooser
    scorer: AsyncHybridScorer
    writer: AsyncPostEnricher


@pytest.fixture
async def stages(embedded_settings: Settings) -> AsyncIterator[Stages]:
    chooser = EngineChooser(embedded_settings, 1)
    async with AsyncCache(embedded_settings.caching) as cache:
        yield Stages(
            cache,
            chooser,
            AsyncHybridScorer(cache, chooser, embedded_settings),
            AsyncPostEnricher(cache, chooser, embedded_settings),
        )
    await chooser.close()
