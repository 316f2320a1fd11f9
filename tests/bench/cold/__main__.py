"""`make bench-cold`: what a miss costs, beside a naive client of the same engine and model.

    python -m tests.bench.cold [--engine embedded|ollama] [--texts 6]

Every text is asked of every candidate in turn, in one run; read the ratios. Ours and the others
have an engine process each, of the same build and options. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from attrs import evolve
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from tests.bench.cold import answers, bandwidth
from tests.bench.cold.candidates import Candidate, Client, Ours, chooser, timed
from tests.bench.cold.client import freed_ms, overhead
from tests.bench.engines import ENGINES, engine_settings

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.models import installed
from refrain_sidecar.inference.ollama.messages import GenerateRequest
from refrain_sidecar.inference.ollama.options import frozen_options

TEXTS = Path(__file__).parent / "texts.txt"
NAIVE, WORDS, OURS = "naive client", "  naive client, no numbers", "ours"
NUMBERS = ("One", "Two", "Three", "Four", "Five", "Six")
CLIENT_ROUNDS = 8

Times = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description="What a miss costs, beside a naive client.")
    parser.add_argument("--engine", choices=ENGINES, default="embedded")
    parser.add_argument("--texts", type=int, default=6, help="how many of the texts (at most 12)")
    asked = parser.parse_args()
    texts = TEXTS.read_text("utf-8").splitlines()[: asked.texts]
    # Two clients of one engine would spoil each other's prefixes.
    with (
        engine_settings(asked.engine, CacheSettings(enabled=False)) as theirs,
        engine_settings(asked.engine, CacheSettings(enabled=False)) as own,
    ):
        asyncio.run(compare(texts, theirs, own))


async def compare(texts: Sequence[str], theirs: Settings, own: Settings) -> None:
    their_engine, our_engine = chooser(theirs), chooser(own)
    try:
        async with (
            AsyncCache(own.caching) as cache,
            httpx.AsyncClient(timeout=600, trust_env=False) as pooled,
        ):
            ours = Ours.over(cache, our_engine, own)
            threads = threads_in_force(own)
            await measure(texts, await their_engine.engine(), ours, pooled, own, threads)
    finally:
        await their_engine.close()
        await our_engine.close()


async def measure(
    texts: Sequence[str],
    engine: Engine,
    ours: Ours,
    pooled: httpx.AsyncClient,
    settings: Settings,
    threads: int,
) -> None:
    console = Console()
    await ours.prepare()
    embedded = engine.name == "embedded"
    naive = Client(engine, threads)
    first = evolve(naive, instructions_first=True)
    # Nothing tells Ollama to leave the blanks out.
    minified = evolve(first, minified=embedded)
    kept = evolve(minified, pooled=pooled)
    await naive.stage1("It rained.")  # loads the model
    levers = [("+ instructions first", first), ("+ pooled connection", kept)]
    if embedded:
        levers.insert(1, ("+ minified JSON", minified))
    stage1 = [
        Candidate(NAIVE, naive.stage1),
        Candidate(WORDS, partial(naive.stage1, schema=answers.STAGE1_WORDS)),
        *(Candidate(name, client.stage1) for name, client in levers),
        Candidate(OURS, ours.stage1),
    ]
    stage2 = [
        Candidate(NAIVE, naive.stage2),
        *(Candidate(name, client.stage2) for name, client in levers),
        Candidate(OURS, ours.stage2),
    ]
    with Progress(console=console) as progress:
        bar = progress.add_task("Asking", total=len(texts) * (len(stage1) + len(stage2)))
        step = partial(progress.advance, bar)
        times1, broken1, times2, broken2 = await interleaved(texts, stage1, stage2, step)
    show(console, "Stage 1, cold", times1, broken1)
    show(console, "Stage 2, cold", times2, broken2)
    figures: dict[str, Any] = {
        "bench": "cold",
        "engine": engine.name,
        "texts": len(texts),
        "times_faster": faster(console, times1, times2, NAIVE),
        "times_faster_without_numbers": faster(console, times1, times2, WORDS),
    }
    own_engine = await ours.chooser.engine()
    options = frozen_options(settings.inference, threads)
    figures |= await decoding(console, own_engine, options, threads)
    figures |= await our_client(console, own_engine, options)
    print(json.dumps(figures))


def faster(console: Console, times1: Times, times2: Times, name: str) -> dict[str, float]:
    """How many times faster ours is, p50, than a Stage 1 called `name` and the naive Stage 2."""
    found = {
        "stage1": ratio(times1[name], times1[OURS]),
        "stage2": ratio(times2[NAIVE], times2[OURS]),
        "both": ratio(added(times1[name], times2[NAIVE]), added(times1[OURS], times2[OURS])),
    }
    console.print(
        f"Times faster than the {name.strip()}: Stage 1 {found['stage1']}, "
        f"Stage 2 {found['stage2']}, both {found['both']}."
    )
    return found


async def interleaved(
    texts: Sequence[str], stage1: Sequence[Candidate], stage2: Sequence[Candidate], step: Any
) -> tuple[Times, dict[str, int], Times, dict[str, int]]:
    """Times and counts of broken answers by candidate, for each stage."""
    times: tuple[Times, Times] = ({}, {})
    broken: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for text in texts:
        for stage, candidates in enumerate((stage1, stage2)):
            for number, candidate in enumerate(candidates):
                # Each has a beginning of its own: nobody finds the text in the KV cache because
                # another asked for it before.
                taken, whole = await timed(candidate.ask, f"{NUMBERS[number]}. {text}")
                times[stage].setdefault(candidate.name, []).append(taken)
                counts = broken[stage]
                counts[candidate.name] = counts.get(candidate.name, 0) + (not whole)
                step()
    return times[0], broken[0], times[1], broken[1]


def show(console: Console, title: str, times: Times, broken: Mapping[str, int]) -> None:
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("candidate")
    for heading in ("p50 ms", "slowest", "naive ÷ this", "broken"):
        table.add_column(heading, justify="right")
    for name, taken in times.items():
        faster = f"{ratio(times[NAIVE], taken)}×"
        failed = str(broken[name] or "–")
        table.add_row(name, f"{median(taken):.0f}", f"{max(taken):.0f}", faster, failed)
    console.print(table)


def added(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [sum(pair) for pair in zip(one, other, strict=True)]


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    return round(median(one) / median(other), 2)


async def decoding(
    console: Console, engine: Engine, frozen: Mapping[str, Any], threads: int
) -> dict[str, float]:
    """The share of the memory bandwidth that decoding reaches."""
    found = installed()
    assert found is not None
    rates = []
    for seed in range(5):
        request = GenerateRequest(
            engine.model,
            "Tell a story of a lighthouse keeper.",
            options={**frozen, "num_predict": 120, "seed": seed, "temperature": 0.7},
        )
        answer = await engine.client.generate(request)
        rates.append(answer.tokens / answer.decode_ms * 1e3)
    tokens_s = median(rates)
    limit = await asyncio.to_thread(bandwidth.read_gb_s, threads)
    used = found.bytes * tokens_s / 1e9
    console.print(
        f"Decoding: {tokens_s:.0f} tokens/s × {found.bytes / 1e6:.0f} MB of weights = {used:.1f} "
        f"GB/s, {used / limit:.0%} of the {limit:.1f} GB/s that {threads} processes read."
    )
    return {"tokens_s": round(tokens_s, 1), "bandwidth_share": round(used / limit, 3)}


async def our_client(
    console: Console, engine: Engine, options: Mapping[str, Any]
) -> dict[str, float]:
    """What our client adds to a stream, and how soon a cancelled request frees the engine."""
    added = await overhead(engine, options, CLIENT_ROUNDS)
    console.print(
        f"Our client adds {added.added_ours_ms - added.added_bare_ms:.1f} ms to a bare stream of "
        f"120 tokens ({added.answer_ms:.0f} ms): {added.share:.2%}."
    )
    figures = {"client_overhead_share": round(added.share, 4)}
    # Only the embedded one shows its slots.
    if engine.name == "embedded":
        freed = await freed_ms(engine, options, CLIENT_ROUNDS)
        console.print(
            f"Cancelled in mid-stream, the engine was free after {median(freed):.0f} ms (slowest "
            f"of {len(freed)}: {max(freed):.0f} ms)."
        )
        figures |= {"freed_ms_p50": round(median(freed), 1)}
        figures |= {"freed_ms_slowest": round(max(freed), 1)}
    return figures


if __name__ == "__main__":
    main()
