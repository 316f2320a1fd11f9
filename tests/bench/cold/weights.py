"""How fast other weights would be: reading and decoding, beside those in use, in one run.

    python -m tests.bench.cold.weights FILE.gguf … [--rounds 5] [--threads N]

Each file is loaded once and asked in turn with the others; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.inference.embedded.llama import LlamaServer, Loading
from refrain_sidecar.inference.embedded.process import PATIENT_THREADS
from refrain_sidecar.inference.models import installed

NUM_CTX = 2048
TOKENS = 120
# Nearly as long as what stands before a page of Stage 2.
PROMPT = "Tell a long story of a lighthouse keeper and of the sea that never sleeps. " * 12


async def compare(files: Sequence[Path], rounds: int, threads: int) -> None:
    servers = {file: await LlamaServer.load(file, Loading(NUM_CTX, threads)) for file in files}
    taken: dict[Path, list[Mapping[str, Any]]] = {file: [] for file in files}
    try:
        for number in range(rounds):
            for file, server in servers.items():
                taken[file].append(await _timings(server, number))
    finally:
        for server in servers.values():
            await server.unload()
    figures = {}
    for name in ("prompt_per_second", "predicted_per_second"):
        rates = {file: median(one[name] for one in taken[file]) for file in files}
        for file, rate in rates.items():
            print(f"{name} {rate:8.1f}  {rate / rates[files[0]]:.2f}×  {file.name}")
        figures[name] = [round(rate, 1) for rate in rates.values()]
    print(json.dumps({"bench": "weights", "files": [file.name for file in files], **figures}))


async def _timings(server: LlamaServer, number: int) -> Mapping[str, Any]:
    """llama.cpp's own, of a request whose prompt it has not seen."""
    body = {
        "prompt": f"{number}. {PROMPT}",
        "n_predict": TOKENS,
        "ignore_eos": True,
        "seed": number,
        "temperature": 0.7,
    }
    timings: Mapping[str, Any] = {}
    async with server.completion(body) as events:
        async for event in events:
            timings = event.get("timings", timings)
    return timings


def main() -> None:
    parser = argparse.ArgumentParser(description="Weights beside those in use: tokens a second.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=threads_in_force(Settings()))
    asked = parser.parse_args()
    found = installed()
    assert found is not None, "make models brings the weights in use"
    # OpenMP reads it once, when the engine is imported.
    os.environ.update(PATIENT_THREADS)
    asyncio.run(compare([found.weights, *asked.files], asked.rounds, asked.threads))


if __name__ == "__main__":
    main()
