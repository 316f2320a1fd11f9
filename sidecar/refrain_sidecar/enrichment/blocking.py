"""Stages and recipes for plain workers: blocking, and shared by a whole process."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from refrain_cache import AsyncCache, Cache, CacheConfigError, find_config, forking, get_cache
from refrain_sidecar.config import read_settings
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment.phase import Moment
from refrain_sidecar.enrichment.recipes.definition import Given
from refrain_sidecar.enrichment.recipes.finding import folders_here
from refrain_sidecar.enrichment.recipes.running import AnswerCut, AsyncRecipes
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
        return self._shared.run(lambda stages: stages.scorer.enrich(text, history, timestamp))


class PostEnricher:
    """Stage 2, in the same way.

    PostEnricher().run_post_enrichment(result)["post_enrichment"]["poem"]
    """

    def __init__(self) -> None:
        self._shared = _shared()

    def run_post_enrichment(self, result: Enrichment, *, timestamp: Moment = None) -> PostEnriched:
        """As `AsyncPostEnricher.run_post_enrichment`."""
        return self._shared.run(
            lambda stages: stages.post_enricher.run_post_enrichment(result, timestamp=timestamp)
        )


class Recipe:
    """A recipe, found by its name: in `.refrain/recipes` of this folder or one above it, in the
    user's folder, or brought along. Any thread may run it.

    Recipe("translate").run("Good morning.", language="French")
    """

    def __init__(self, name: str) -> None:
        """Raises InputRefused when there is none or it is broken."""
        self._recipe = folders_here().one(name)
        self._shared = _shared()

    def run(self, text: str | None = None, *, file: str | None = None, **inputs: str) -> Any:
        """What the model answers: a text or, where the recipe has a schema, JSON.

        `inputs` are what the recipe asks for, by name. Raises as `AsyncRecipes.run` does, and
        AnswerCut where the cap cut the answer, which the error holds.
        """
        given = Given(text, file, inputs)
        outcome = self._shared.run(lambda stages: stages.recipes.run(self._recipe, given))
        if outcome.outcome == "refused" and outcome.reason:
            raise AnswerCut(outcome.value, self._recipe.cap)
        return outcome.value["output"]


class _Stages:
    """The stages and recipes over one cache, in its event loop, and the engine they ask."""

    def __init__(self, cache: AsyncCache, settings: Settings) -> None:
        self.cache = cache
        self.chooser = EngineChooser(settings, threads_in_force(settings))
        self.scorer = AsyncHybridScorer(cache, self.chooser, settings)
        self.post_enricher = AsyncPostEnricher(cache, self.chooser, settings)
        self.recipes = AsyncRecipes(cache, self.chooser, settings)

    async def close(self) -> None:
        await self.recipes.close()
        await self.chooser.close()


class _Shared:
    """The stages of one configuration, in the loop of the cache that `get_cache()` gives.

    So workers, `get_cache().get_stats()` and these stages speak of one cache.
    """

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._settings = _settings(config)
        self._cache = _cache(config, self._settings)
        self._stages: _Stages | None = None
        forking.inherits(self)

    def run(self, work: Callable[[_Stages], Coroutine[Any, Any, T]]) -> T:
        """Wait for `work`; Ctrl-C stops it."""
        if self._cache.is_closed:
            self._cache = _cache(self._config, self._settings)
        return self._cache.run(lambda cache: work(self._over(cache)))

    def _over(self, cache: AsyncCache) -> _Stages:
        if self._stages is None or self._stages.cache is not cache:
            self._stages = _Stages(cache, self._settings)
            # Before the cache is closed, which was registered when it was opened.
            atexit.unregister(self.close)
            atexit.register(self.close)
        return self._stages

    def close(self) -> None:
        """Stop the engine, if it was started here."""
        stages = self._stages
        if stages is not None and not self._cache.is_closed:
            self._cache.run(lambda _: stages.close())

    def forked(self) -> None:
        """Begin anew in a forked child: the engine is the parent's."""
        _parents_own.append(self._stages)
        self._stages = None


_parents_own: list[object] = []
_made: dict[Path | None, _Shared] = {}


def _shared() -> _Shared:
    config = find_config()
    # Atomic as it is: of two made at once, one is dropped before it was used.
    return _made.get(config) or _made.setdefault(config, _Shared(config))


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
