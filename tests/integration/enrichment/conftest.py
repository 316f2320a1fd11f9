"""The two stages over a real cache and the real small model.

The engine is started once a module, in whose event loop its tests run.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from attrs import frozen
from tests.integration.conftest import embedded

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chooser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EngineChooser]:
    chooser = EngineChooser(embedded(tmp_path_factory.mktemp("chooser")), 1)
    yield chooser
    await chooser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def stages(embedded_settings: Settings, chooser: EngineChooser) -> AsyncIterator[Stages]:
    async with AsyncCache(embedded_settings.caching) as cache:
        yield Stages(
            cache,
            chooser,
            AsyncHybridScorer(cache, chooser, embedded_settings),
            AsyncPostEnricher(cache, chooser, embedded_settings),
        )
