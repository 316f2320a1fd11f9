"""Measures how fast the real engine is with each number of threads, and keeps the result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

from attrs import frozen

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu.advice import advise, candidates
from refrain_sidecar.cpu.calibration import Calibration, CalibrationFile, machine_name
from refrain_sidecar.cpu.facts import CpuFacts
from refrain_sidecar.cpu.gather import load_percent
from refrain_sidecar.cpu.trust import QUIET_PERCENT
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.embedded import EmbeddedProcess
from refrain_sidecar.inference.errors import EngineFailed
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import GenerateRequest
from refrain_sidecar.inference.ollama.options import frozen_options, stays_loaded

# Counting goes on for as long as it is let, with any model. What was counted so far is read before,
# as a text is: the threads that write fastest may be too few to read with.
COUNTED = 50
WARM_UP_TOKENS = 8
RUN_TOKENS = 64
# The faster of the runs counts: other work on the machine only ever slows one down.
RUNS = 2
# Below this many tokens the rate is mostly the clock's grain.
FEWEST_TOKENS = 16
# So many times slower than the fastest when warming up, a count is not worth minutes of measuring.
HOPELESS = 3
# How long, in seconds, and how often at most the load is looked at before it counts as that of
# other work: an engine that winds down, or a page that loads, is busy for a moment only.
LOOK_S = 1.0
MOST_LOOKS = 5


@frozen
class CalibrationStep:
    """One number of threads: about to be measured, or (with its rate) just measured."""

    threads: int
    tokens_per_s: float | None
    done: int
    total: int


Progress = Callable[[CalibrationStep], None]
# Takes the number of threads and the best rate so far.
Measure = Callable[[int, float], Awaitable[float]]


async def calibrate(
    settings: Settings, facts: CpuFacts, progress: Progress, file: CalibrationFile | None = None
) -> Calibration:
    """Measure the engine that `settings` choose and keep the result for this machine and model.

    Each number of threads reloads the model, so this takes from half a minute to some minutes. On
    a busy machine the result is kept but in doubt, and "auto" does not go by it.
    Raises InferenceError when there is no engine or it fails, OSError when the result cannot be
    kept. Cancelling stops the engine and keeps nothing.
    """
    loads = [await asyncio.to_thread(load_beside)]
    async with _measured(settings, facts) as (engine, measure):
        rates: dict[int, float] = {}
        counts = candidates(facts)
        for done, threads in enumerate(counts):
            progress(CalibrationStep(threads, None, done, len(counts)))
            rates[threads] = await measure(threads, max(rates.values(), default=0.0))
            # Between two counts nothing of ours computes: what is busy now, was beside it.
            loads.append(await asyncio.to_thread(load_beside))
            progress(CalibrationStep(threads, rates[threads], done + 1, len(counts)))
    calibration = Calibration(
        machine_name(facts),
        engine.name,
        engine.version,
        engine.model,
        rates,
        time.time(),
        max(loads),
    )
    (file or CalibrationFile()).keep(calibration)
    return calibration


def load_beside(look: Callable[[float], float] = load_percent) -> float:
    """How busy other work keeps the machine, 0..100. Blocks until it is quiet, or `MOST_LOOKS`."""
    for _ in range(MOST_LOOKS):
        if (load := look(LOOK_S)) <= QUIET_PERCENT:
            break
    return load


@asynccontextmanager
async def _measured(settings: Settings, facts: CpuFacts) -> AsyncIterator[tuple[Engine, Measure]]:
    chooser = EngineChooser(settings, advise(facts).threads)
    try:
        engine = await chooser.engine()
        if engine.name == "embedded":
            await chooser.close()  # one engine at a time, or they measure each other
            yield engine, partial(_embedded_rate, settings, engine)
        else:
            yield engine, partial(_ollama_rate, settings, engine)
    finally:
        await chooser.close()


async def _embedded_rate(settings: Settings, engine: Engine, threads: int, best: float) -> float:
    process = EmbeddedProcess(num_threads=threads, num_ctx=settings.inference.num_ctx)
    try:
        base_url = await process.start()
        reached = OllamaClient(base_url, settings.networking, "embedded", process.key)
        async with reached as client:
            return await _rate(settings, client, engine.model, threads, best)
    finally:
        await process.stop()


async def _ollama_rate(settings: Settings, engine: Engine, threads: int, best: float) -> float:
    # A client of its own each time: the reload is meant, and needs no warning.
    async with OllamaClient(engine.base_url, settings.networking) as client:
        return await _rate(settings, client, engine.model, threads, best)


async def _rate(
    settings: Settings, client: OllamaClient, model: str, threads: int, best: float
) -> float:
    runs = count()

    async def run(tokens: int) -> float:
        options = {
            **frozen_options(settings.inference, threads),
            "temperature": 0,
            "num_predict": tokens,
        }
        answer = await client.generate(
            GenerateRequest(
                model,
                # Each begins elsewhere, so that nothing of it was read before.
                _counted(next(runs)),
                raw=True,
                options=options,
                keep_alive=stays_loaded(settings.inference),
            )
        )
        if answer.tokens < min(tokens, FEWEST_TOKENS) or answer.decode_ms <= 0:
            raise EngineFailed(
                f"{model} stopped after {answer.tokens} tokens, too few to measure its speed. "
                "Calibrate with another model."
            )
        took_ms = answer.prompt_ms + answer.decode_ms
        return (answer.prompt_tokens + answer.tokens) / took_ms * 1000

    warming_up = await run(WARM_UP_TOKENS)
    if warming_up * HOPELESS < best:
        return warming_up
    return max([await run(RUN_TOKENS) for _ in range(RUNS)])


def _counted(run: int) -> str:
    return " ".join(f"{number}," for number in range(run * 100 + 1, run * 100 + 1 + COUNTED))
