"""Is Stage 1 right, does its confidence mean something, and how many requests does it take?

    python -m tests.bench.stage1_accuracy [--engine embedded|ollama] [FILE …]

With `--engine ollama` a real one is started for it. Without files: the held-out set, the unseen and
the fresh one, on which nothing was tuned. Prints accuracy, the confusion table, the calibration
error (ten bins of equal width, weighed by their size: Naeini et al., 2015) and the requests a text
takes once the engine is warm; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from attrs import frozen
from tests.bench.engines import ENGINES, engine_settings
from tests.ollama.counting import Requests, counting_requests

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment import WHEEL, AsyncHybridScorer
from refrain_sidecar.inference.choose import EngineChooser

DATA = Path(__file__).parent / "data"
# The last by the hand, and at the time, of the telling phrases: easier for it than others.
JUDGED = tuple(DATA / f"emotion_{name}.jsonl" for name in ("heldout", "unseen", "fresh"))
BINS = 10


@frozen
class Judged:
    """One sentence: what it is labelled, what Stage 1 said, how sure it was, what it took."""

    label: str
    said: str
    confidence: float
    text: str
    requests: int

    @property
    def right(self) -> bool:
        return self.label == self.said


async def judge(
    paths: Sequence[Path], settings: Settings, requests: Requests
) -> list[list[Judged]]:
    """Stage 1's primary for every sentence of `paths`."""
    chooser = EngineChooser(settings, threads_in_force(settings))
    try:
        async with AsyncCache(settings.caching) as cache:
            scorer = AsyncHybridScorer(cache, chooser, settings)
            await scorer.prepare()
            print(f"{requests.since()} requests to get ready", flush=True)
            return [await _judged(path, scorer, requests) for path in paths]
    finally:
        await chooser.close()


async def _judged(path: Path, scorer: AsyncHybridScorer, requests: Requests) -> list[Judged]:
    judged = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        said = await scorer.enrich(row["text"])
        judged.append(
            Judged(
                row["label"],
                said["wheel"]["primary"],
                said["confidence"],
                row["text"],
                requests.since(),
            )
        )
    return judged


def calibration_error(judged: Sequence[Judged]) -> float:
    """The mean gap between stated confidence and share of right answers."""
    bins: dict[int, list[Judged]] = {}
    for one in judged:
        bins.setdefault(min(int(one.confidence * BINS), BINS - 1), []).append(one)
    gaps = (abs(sum(o.confidence for o in b) - sum(o.right for o in b)) for b in bins.values())
    return sum(gaps) / len(judged)


def report(name: str, judged: Sequence[Judged]) -> dict[str, object]:
    """Print the tables; returns the figures."""
    pairs = Counter((one.label, one.said) for one in judged)
    print(f"\n{name}: rows are labels, columns what Stage 1 said")
    print(f"{'':>10}" + "".join(f"{name:>10}" for name in WHEEL.primaries))
    for label in WHEEL.primaries:
        cells = "".join(f"{pairs[label, said] or '·':>10}" for said in WHEEL.primaries)
        print(f"{label:>10}{cells}")
    right = sum(one.right for one in judged)
    error = calibration_error(judged)
    taken = [one.requests for one in judged]
    print(
        f"accuracy {right}/{len(judged)} = {right / len(judged):.3f}, calibration {error:.3f}, "
        f"requests a text {median(taken):g}, at most {max(taken)}"
    )
    return {
        "file": name,
        "sentences": len(judged),
        "right": right,
        "accuracy": round(right / len(judged), 3),
        "calibration_error": round(error, 3),
        "requests_p50": median(taken),
        "requests_most": max(taken),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="How right Stage 1 is, and how sure.")
    parser.add_argument("--engine", choices=ENGINES, default="embedded")
    parser.add_argument("files", nargs="*", type=Path, default=JUDGED)
    asked = parser.parse_args()
    with (
        counting_requests() as requests,
        engine_settings(asked.engine, CacheSettings(enabled=False)) as settings,
    ):
        sets = asyncio.run(judge(asked.files, settings, requests))
    named = zip(asked.files, sets, strict=True)
    figures = [report(path.name, judged) for path, judged in named]
    if len(sets) > 1:
        figures.append(report("all of them", [one for judged in sets for one in judged]))
    print(json.dumps({"bench": "stage1_accuracy", "engine": asked.engine, "sets": figures}))


if __name__ == "__main__":
    main()
