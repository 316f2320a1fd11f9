"""The queue's verbs: lines of a file as jobs, and jobs done by the stages on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from refrain_cache.shared.connection import read_secret
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.enrichment.recipes.definition import Definition
from refrain_sidecar.enrichment.recipes.reading import read_recipe
from refrain_sidecar.inference.errors import (
    EngineBusy,
    EngineUnreachable,
    InferenceError,
    ModelMissing,
    NoEngine,
)
from refrain_sidecar.queue.errors import JobRefused, NotNow, QueueError
from refrain_sidecar.queue.job import CarriedRecipe, Job, Seal
from refrain_sidecar.queue.queue import Queue
from refrain_sidecar.queue.server import Server
from refrain_sidecar.queue.submitting import Submission
from refrain_sidecar.queue.working import Worked, Worker
from refrain_sidecar.service.assembly import Assembly
from refrain_sidecar.service.lines import (
    BadLine,
    Output,
    Reflection,
    Tally,
    enriched,
    read_line,
    recipe_run,
    reflection,
)

Line = Reflection | BadLine

_ENGINE_AWAY = (NoEngine, EngineUnreachable, ModelMissing, EngineBusy)


@asynccontextmanager
async def queue_of(settings: Settings, *, patient: bool) -> AsyncIterator[tuple[Queue, Seal]]:
    """The queue on the server of `caching.shared`; `patient` waits for it. Raises QueueError."""
    shared = settings.caching.shared
    if shared is None:
        raise QueueError(
            'There is no queue: name a Redis or Valkey by "url" under caching.shared in '
            "perf_config.json."
        )
    secret = shared.secret_file and read_secret(shared.secret_file, "secret_file")
    seal = Seal(shared.namespace, secret.encode() if secret else None)
    queue = Queue(Server(shared, patient=patient), shared.namespace, settings.queue)
    try:
        yield queue, seal
    finally:
        await queue.close()


async def submit_lines(
    settings: Settings,
    lines: Iterable[bytes],
    output: Output,
    *,
    run: tuple[int, ...] | Definition,
    advance: Callable[[], None],
    report: Callable[[BadLine], None],
) -> Tally:
    """Have workers run each line that `output` does not have yet, in the input's order.

    `advance` is called once a line, `report` for each bad one. Raises QueueError, OSError: what was
    written stays, and a second run goes on from there.
    """
    tally = Tally()
    what = CarriedRecipe(run.name, run.source, run.output) if isinstance(run, Definition) else run
    begun = set(output.done)

    def jobs() -> Iterator[tuple[Line, Job | None]]:
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                line = read_line(number, raw)
                job = None
                if isinstance(line, Reflection) and line.rid not in begun:
                    begun.add(line.rid)
                    job = Job(what, line.record)
                yield line, job

    async with queue_of(settings, patient=True) as (queue, seal):
        async for line, came in Submission[Line](queue, seal).results(jobs()):
            tally.take(_came_of(line, came, output.done), output, report)
            advance()
    return tally


def _came_of(
    line: Line, came: dict[str, Any] | str | None, done: set[str | int]
) -> dict[str, Any] | BadLine | None:
    """What became of a line; None when it was done before."""
    if isinstance(line, BadLine):
        return line
    if isinstance(came, str):
        return BadLine(line.number, came)
    if came is None:
        return None if line.rid in done else BadLine(line.number, "as the one before with its rid")
    if came.get("rid") != line.rid:
        return BadLine(line.number, "what was found as its result is another's")
    return {**line.record, **came}


async def work(parts: Assembly, concurrency: int, stopping: asyncio.Event) -> Worked:
    """Do jobs of the queue, so many at a time, until `stopping` is set. Raises QueueError."""

    async def run(job: Job) -> dict[str, Any]:
        line = reflection(1, dict(job.line))
        if isinstance(line, BadLine):
            raise JobRefused(line.reason)
        try:
            if isinstance(job.run, CarriedRecipe):
                return await recipe_run(parts, _definition(job.run), line)
            return await enriched(parts, line, stage2=2 in job.run)
        except InputRefused as error:
            raise JobRefused(str(error)) from error
        except InferenceError as error:
            if not isinstance(error, _ENGINE_AWAY):
                # It may be the text. That of an engine that cannot be used at all it is not.
                await _engine_of(parts)
                raise
            raise NotNow(error.message) from error

    async with queue_of(parts.settings, patient=True) as (queue, seal):
        return await Worker(queue, seal, run, concurrency).work(stopping)


def _definition(carried: CarriedRecipe) -> Definition:
    """The recipe that came with a job. Raises JobRefused."""

    def schema(_: str) -> object:
        return carried.output

    reading = read_recipe(carried.name, carried.source, schema)
    if reading.definition is None:
        raise JobRefused(f"a recipe that cannot be read: {reading.problems[0].message}")
    return reading.definition


async def _engine_of(parts: Assembly) -> None:
    """Raises NotNow when there is none that could be asked."""
    try:
        await parts.chooser.engine()
    except InferenceError as error:
        raise NotNow(error.message) from error
