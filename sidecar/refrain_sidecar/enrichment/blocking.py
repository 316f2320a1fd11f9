"""The stages for plain workers: blocking, without arguments, shared by a whole process."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from refrain_cache import Cache, CacheConfigError, Fingerprint, Outcome, find_config, get_cache
from refrain_sidecar.config import read_settings
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment.phase import Moment
from refrain_sidecar.enrichment.results import Enrichment, PostEnriched
from refrain_sidecar.enrichment.stage1.hybrid_scorer import AsyncHybridScorer
from refrain_sidecar.enrichment.stage2.post_enricher import AsyncPostEnricher
from refrain_sidecar.inference.choose import EngineChooser

LOG = logging.getLogger("refrain")

T = TypeVar("T")


class HybridScorer:
    """Stage 1. Finds configuration, cache and engine by itself; any thread may call it.

    HybridScorer().enrich("I'm feeling grateful for this day.")["wheel"]
    """

    def __init__(self) -> None:
        self._shared = _shared()

    def enrich(
        self, text: str, history: Sequence[str] | None = None, timestamp: Moment = None
    ) -> Enrichment:
        """As `AsyncHybridScorer.enrich`."""
        return self._shared.run(self._shared.scorer.enrich(text, history, timestamp))


class PostEnricher:
    """Stage 2, in the same way.

    PostEnricher().run_post_enrichment(result)["post_enrichment"]["poem"]
    """

    def __init__(self) -> None:
        self._shared = _shared()

    def run_post_enrichment(self, result: Enrichment, *, timestamp: Moment = None) -> PostEnriched:
        """As `AsyncPostEnricher.run_post_enrichment`."""
        enricher = self._shared.post_enricher
        return self._shared.run(enricher.run_post_enrichment(result, timestamp=timestamp))


class _FromAnotherLoop:
    """The process's blocking cache, asked from our loop; it computes on our loop in turn.

    So workers, `get_cache().get_stats()` and these stages speak of one cache.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def get_or_compute(
        self,
        fp: Fingerprint,
        compute: Callable[[], Awaitable[T]],
        *,
        fresh: bool = False,
        validate: Callable[[T], None] | None = None,
        label: str | Callable[[T], str] = "",
        model: str = "",
    ) -> Outcome[T]:
        loop = asyncio.get_running_loop()

        async def here() -> T:
            return await compute()

        def there() -> T:
            return asyncio.run_coroutine_threadsafe(here(), loop).result()

        return await asyncio.to_thread(
            self._cache.get_or_compute,
            fp,
            there,
            fresh=fresh,
            validate=validate,
            label=label,
            model=model,
        )


class _Shared:
    """One loop in a thread, with one engine and both stages on it."""

    def __init__(self, config: Path | None) -> None:
        settings = _settings(config)
        self._chooser = EngineChooser(settings, threads_in_force(settings.inference))
        cache = _FromAnotherLoop(_cache(config, settings))
        self.scorer = AsyncHybridScorer(cache, self._chooser, settings)
        self.post_enricher = AsyncPostEnricher(cache, self._chooser, settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="refrain-enrichment", daemon=True
        )
        self._thread.start()
        atexit.register(self.close)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`; Ctrl-C stops it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop the engine, if it was started here, and the thread."""
        self.run(self._chooser.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_made: dict[tuple[int, Path | None], _Shared] = {}
_making = threading.Lock()


def _shared() -> _Shared:
    config = find_config()
    # A forked child must not use its parent's threads: they do not exist there.
    name = (os.getpid(), config)
    with _making:
        if name not in _made:
            _made[name] = _Shared(config)
        return _made[name]


def _settings(config: Path | None) -> Settings:
    if config is None:
        return Settings()
    reading = read_settings(config)
    for problem in reading.problems:
        LOG.warning("%s; its default is used.", problem.at(str(config)))
    return reading.settings


def _cache(config: Path | None, settings: Settings) -> Cache:
    try:
        return get_cache(config)
    except CacheConfigError as error:
        LOG.warning("Part of the cache's configuration is left out: %s", error)
        return Cache(settings.caching)
