"""One object with the verbs every face calls. Faces translate; this decides."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from refrain_cache import EntryPage, Explanation, Transferred, Verified
from refrain_cache import Progress as Counting
from refrain_sidecar import protocol
from refrain_sidecar.config import LiveConfig, Problem
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import cpu_threads
from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.enrichment.recipes.definition import Given
from refrain_sidecar.enrichment.recipes.finding import Folders
from refrain_sidecar.inference.choose import Offline
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.queue.state import QueueState
from refrain_sidecar.queue.working import Worked
from refrain_sidecar.service.assembly import Assembly
from refrain_sidecar.service.background import Background
from refrain_sidecar.service.doctor import examine
from refrain_sidecar.service.lines import (
    BadLine,
    Output,
    Reflection,
    Tally,
    enriched,
    recipe_run,
    run_lines,
)
from refrain_sidecar.service.mcp_hosts import mcp_host
from refrain_sidecar.service.models import models
from refrain_sidecar.service.queueing import queue_of, submit_lines, work
from refrain_sidecar.service.reading_ahead import ReadingAhead
from refrain_sidecar.service.recipes import (
    RunProgress,
    check,
    check_text,
    recipes,
    run,
    unheard,
)
from refrain_sidecar.service.stages import Progress, enrich, parse_timestamp, silent
from refrain_sidecar.service.warming import warm


class Service:
    """The verbs: enrich, run, recipes, stats, purge, warm, cpu_threads, entries, explain, doctor,
    models, mcp, and for the command line export, import_, verify, submit, work, queue, queue_retry
    and queue_drop. `folders` is where recipes lie.

    Enriching raises InferenceError (no engine, or it failed) and InputRefused (no usable text or
    picture); both carry a message that says what to do. The cache never fails them: it bypasses.
    Verbs that have nothing to do without a cache raise CacheUnavailableError.
    """

    def __init__(self, config_path: Path | None, folders: Folders | None = None) -> None:
        self.folders = folders or Folders()
        self.config = LiveConfig(config_path)
        self._assembly: Assembly | None = None
        self._background = Background()
        self._reading_ahead = ReadingAhead(self._background, self._read_ahead)
        self._listeners: list[Callable[[], None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None

    async def open(self, *, resident: bool = False) -> None:
        """Open the cache; `resident` loads the model behind the scenes and applies edits."""
        await self._begin(self.config.settings)
        if resident:
            self._background.start(self._preload(), "Preloading the model")
            self._background.start(self.config.follow(self._reconfigure), "Following the file")

    async def close(self) -> None:
        await self._background.close()
        self._unsubscribe()
        await self.parts.close()

    async def __aenter__(self) -> Service:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def parts(self) -> Assembly:
        """What the configuration in force made: the cache, the engine's chooser, the stages."""
        if self._assembly is None:
            raise RuntimeError("The service is not open: await Service.open() first.")
        return self._assembly

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever statistics, the cache's state or the engine change."""
        self._listeners.append(listener)

    # --- verbs ------------------------------------------------------------------------------

    async def enrich(
        self, params: protocol.EnrichParams, progress: Progress = silent
    ) -> protocol.EnrichResult:
        """Both stages (or the first) for one text, or for what is seen in one picture."""
        async with self.parts as parts:
            return await enrich(parts, params, progress)

    async def recipes(self, params: protocol.RecipesParams) -> protocol.RecipesResult:
        """Which recipes there are, and what they were worth."""
        async with self.parts as parts:
            return await recipes(parts, self.folders, params)

    async def check_recipes(self, files: Sequence[Path]) -> list[tuple[Path, tuple[Problem, ...]]]:
        """What is wrong with the recipes in `files`, without any with all there are."""
        async with self.parts as parts:
            return await check(parts, self.folders, files)

    async def check_recipe(
        self, path: Path, text: str
    ) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
        """What is wrong with the text of a recipe that is being written, and what may be."""
        async with self.parts as parts:
            return await check_text(parts, path, text)

    async def run(
        self, params: protocol.RunParams, progress: RunProgress = unheard
    ) -> protocol.RunResult:
        """One recipe on one text. Raises InputRefused for a recipe that is not there or broken."""
        async with self.parts as parts:
            return await run(parts, self.folders, params, progress)

    async def warm(
        self, params: protocol.WarmParams, progress: Progress = silent
    ) -> protocol.WarmResult:
        """Enrich ahead of time, so that the first real request is a hit."""
        async with self.parts as parts:
            await parts.chooser.known()
            return await warm(parts, params, progress)

    async def stats(self, params: protocol.StatsParams) -> protocol.StatsResult:
        async with self.parts as parts:
            held = await parts.cache.get_stats(params.window)
        found, problem = parts.chooser.found, parts.chooser.problem
        engine = None
        if found is not None:
            engine = protocol.EngineInfo(
                found.name,
                found.model,
                found.digest,
                found.version,
                found.base_url,
                offline=isinstance(found, Offline),
            )
        known = attrs.asdict(held, recurse=False)
        return protocol.StatsResult(**known, engine=engine, engine_message=problem)

    async def purge(self, params: protocol.PurgeParams) -> protocol.PurgeResult:
        """Purge what `params` selects.

        Raises InputRefused when it names no condition or no key, CacheUnavailableError.
        """
        if attrs.evolve(params, dry_run=False, shared=False) == protocol.PurgeParams():
            raise InputRefused(
                "Nothing was said about what to purge. Name a condition (expired, kind, model, "
                "age, least used, key prefix) or ask for everything."
            )
        async with self.parts as parts:
            with _bad_key_refused():
                gone = await parts.cache.purge(params, dry_run=params.dry_run)
        return protocol.PurgeResult(gone.entries, gone.bytes, gone.shared, params.dry_run)

    async def entries(self, params: protocol.EntriesParams) -> EntryPage:
        async with self.parts as parts:
            return await parts.cache.entries(**attrs.asdict(params))

    async def explain(self, params: protocol.ExplainParams) -> Explanation:
        """Why a text, a recipe, a key or (with none) the last miss would hit or miss now."""
        async with self.parts as parts:
            if params.key is not None:
                with _bad_key_refused():
                    return await parts.cache.explain_key(params.key)
            if params.recipe is not None:
                recipe = await asyncio.to_thread(self.folders.one, params.recipe)
                given = Given(params.text, params.file, params.inputs)
                return await parts.cache.explain(await parts.recipes.fingerprint(recipe, given))
            if params.text is not None:
                timestamp = parse_timestamp(params.timestamp)
                fingerprint = await parts.scorer.fingerprint(params.text, timestamp)
                return await parts.cache.explain(fingerprint)
            return await parts.cache.explain_last_miss()

    async def export(self, path: Path, progress: Counting) -> Transferred:
        """Write all entries to one portable file, replacing it.

        Raises CacheUnavailableError, and InputRefused when `path` cannot be written.
        """
        async with self.parts as parts:
            with _bad_file_refused(path, "written"):
                return await parts.cache.export(path, progress)

    async def import_(self, path: Path, progress: Counting) -> Transferred:
        """Take in an export, entry by entry.

        Raises CacheUnavailableError, PortableFileError when `path` is no export, and InputRefused
        when it cannot be read.
        """
        async with self.parts as parts:
            with _bad_file_refused(path, "read"):
                return await parts.cache.import_(path, progress)

    async def verify(self, progress: Counting) -> Verified:
        """Re-hash what is stored. Raises CacheUnavailableError."""
        async with self.parts as parts:
            return await parts.cache.verify(progress)

    async def submit(
        self,
        lines: Iterable[bytes],
        output: Output,
        *,
        run: tuple[int, ...] | str,
        advance: Callable[[], None],
        report: Callable[[BadLine], None],
    ) -> Tally:
        """Have workers of the queue run lines: stages, or the recipe of that name.

        Raises QueueError, OSError, InputRefused.
        """
        what = self.folders.one(run) if isinstance(run, str) else run
        return await submit_lines(
            self.parts.settings, lines, output, run=what, advance=advance, report=report
        )

    async def run_lines(
        self,
        lines: Iterable[bytes],
        output: Output,
        *,
        recipe: str | None,
        jobs: int,
        advance: Callable[[], None],
        report: Callable[[BadLine], None],
    ) -> Tally:
        """Run lines here, `jobs` at a time: both stages, or `recipe`.

        Raises InferenceError, OSError, InputRefused.
        """
        definition = recipe and self.folders.one(recipe)
        async with self.parts as parts:

            async def one(line: Reflection) -> dict[str, Any]:
                if definition:
                    return await recipe_run(parts, definition, line)
                return await enriched(parts, line)

            return await run_lines(one, lines, output, jobs=jobs, advance=advance, report=report)

    async def work(self, concurrency: int, stopping: asyncio.Event) -> Worked:
        """Do the queue's jobs until `stopping` is set. Raises QueueError."""
        async with self.parts as parts:
            return await work(parts, concurrency, stopping)

    async def queue(self) -> QueueState:
        """What is in the queue, and who is at what. Raises QueueError, as the next two."""
        async with queue_of(self.parts.settings, patient=False) as (queue, _):
            return await queue.state()

    async def queue_retry(self, ids: Sequence[str]) -> int:
        """Try dead letters again, by the beginnings of their ids; all without any."""
        async with queue_of(self.parts.settings, patient=False) as (queue, _):
            return await queue.retry(ids)

    async def queue_drop(self, ids: Sequence[str], *, waiting: bool) -> int:
        """Delete dead letters, as `queue_retry` tries them; or all jobs that nobody is at."""
        async with queue_of(self.parts.settings, patient=False) as (queue, _):
            return await (queue.call_off() if waiting else queue.drop(ids))

    async def cpu_threads(self) -> protocol.CpuThreadsResult:
        return await asyncio.to_thread(cpu_threads, self.parts.settings)

    async def doctor(self) -> protocol.DoctorResult:
        async with self.parts as parts:
            return await examine(parts, self.config)

    async def models(
        self, params: protocol.ModelsParams, new: Path | None = None
    ) -> protocol.ModelsResult:
        """What models there are, and which one answers; `params.use` chooses another.

        That is written into the configuration, into `new` where there is none.

        Raises InputRefused for a model nobody has or a configuration that cannot be written,
        ConfigError for one that is wrong.
        """
        async with self.parts as parts:
            return await models(parts, self.config.path or new, params)

    async def mcp(self, params: protocol.McpParams) -> protocol.McpResult:
        """How MCP hosts start our server. Raises InputRefused when a file cannot be written."""
        return await asyncio.to_thread(mcp_host, self.config.path, params)

    # --- the configuration and the engine -----------------------------------------------------

    async def _begin(self, settings: Settings) -> None:
        logging.getLogger("refrain").setLevel(settings.logging.level.upper())
        assembly = Assembly(settings)
        await assembly.open()
        assembly.chooser.changed = self._changed
        assembly.chooser.serving = self._reading_ahead.paused
        self._unsubscribe()
        self._unsubscribe = assembly.cache.subscribe(self._changed)
        self._assembly = assembly

    async def _reconfigure(self, settings: Settings) -> None:
        old = self.parts
        await self._begin(settings)
        self._background.start(old.close(), "Closing what the old configuration made")
        self._background.start(self._preload(), "Preloading the model")
        self._changed()

    async def _preload(self) -> None:
        async with self.parts as parts:
            with contextlib.suppress(InferenceError):  # the chooser keeps it; asking repeats it
                await parts.scorer.prepare()
                self._reading_ahead.begin()

    async def _read_ahead(self) -> None:
        async with self.parts as parts:
            with contextlib.suppress(InferenceError):
                await parts.post_enricher.prepare()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


@contextlib.contextmanager
def _bad_key_refused() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise InputRefused(str(error)) from error


@contextlib.contextmanager
def _bad_file_refused(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise InputRefused(f"{path} cannot be {verb}: {cause}.") from error
