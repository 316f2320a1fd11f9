"""How fast the weights are in their quick form, and others: reading and decoding, in one run.

    python -m tests.bench.cold.weights [FILE.gguf …] [--rounds 5] [--threads N]

Beside the fetched file as it is, also with all threads writing and not only reading, as llama.cpp
does by itself. Each is loaded once and asked in turn with the others. How far what they say next
diverges from what the fetched file does is told too, in nats over a few beginnings.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any
from unittest.mock import patch

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.inference.embedded import llama
from refrain_sidecar.inference.embedded.llama import LlamaServer, Loading
from refrain_sidecar.inference.embedded.process import PATIENT_THREADS
from refrain_sidecar.inference.models import installed

NUM_CTX = 2048
TOKENS = 120
# Nearly as long as what stands before a page of Stage 2.
PROMPT = "Tell a long story of a lighthouse keeper and of the sea that never sleeps. " * 12


BEGINNINGS = (
    "I lost my job today and feel",
    "The sun was warm and",
    "My brother called me and I",
    "She never listens to me, so I feel",
    "In the morning the dog",
)
LIKELIEST = 500


async def compare(files: Sequence[Path], rounds: int, threads: int) -> None:
    with patch.object(llama, "WRITING_SHARE", 1):
        plain = await LlamaServer.load(files[0], Loading(NUM_CTX, threads))
    servers = {files[0]: plain}
    for file in files[1:]:
        servers[file] = await LlamaServer.load(file, Loading(NUM_CTX, threads))
    taken: dict[Path, list[Mapping[str, Any]]] = {file: [] for file in files}
    try:
        nexts = {file: await _nexts(server) for file, server in servers.items()}
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
    apart = [round(_divergence(nexts[files[0]], nexts[file]), 4) for file in files]
    print(
        "\n".join(
            f"divergence {nats:.4f}  {file.name}" for nats, file in zip(apart, files, strict=True)
        )
    )
    figures["divergence"] = apart
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


async def _nexts(server: LlamaServer) -> list[dict[str, float]]:
    """What may follow each beginning: token → log-probability."""
    found = []
    for beginning in BEGINNINGS:
        body = {"prompt": beginning, "n_predict": 1, "n_probs": LIKELIEST, "temperature": 0}
        async with server.completion(body) as events:
            (first,) = [e async for e in events if e.get("completion_probabilities")][:1]
        ranked = first["completion_probabilities"][0]["top_logprobs"]
        found.append({each["token"]: each["logprob"] for each in ranked})
    return found


def _divergence(first: Sequence[dict[str, float]], other: Sequence[dict[str, float]]) -> float:
    """Kullback and Leibler's, on average; what `other` does not list is as likely as its last."""
    return mean(
        sum(math.exp(p) * (p - theirs.get(token, min(theirs.values()))) for token, p in own.items())
        for own, theirs in zip(first, other, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Weights beside those in use: tokens a second.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=threads_in_force(Settings()))
    asked = parser.parse_args()
    found = installed()
    assert found is not None, "make models brings the weights in use"
    # OpenMP reads it once, when the engine is imported.
    os.environ.update(PATIENT_THREADS)
    with tempfile.TemporaryDirectory() as folder:
        # Under another name they are nobody's, and loaded as they are.
        plain = [Path(folder) / f"{name}.gguf" for name in ("fetched, all write", "fetched")]
        for link in plain:
            link.symlink_to(found.weights)
        asyncio.run(compare([*plain, found.weights, *asked.files], asked.rounds, asked.threads))


if __name__ == "__main__":
    main()
