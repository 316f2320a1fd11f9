"""Is Stage 1 right, and does its confidence mean something? On the embedded model.

    python -m tests.bench.stage1_accuracy [FILE …]

Without files: the held-out set, which nothing was tuned on. Prints accuracy, the confusion table
and the calibration error (ten bins of equal width, weighed by their size: Naeini et al., 2015);
the last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from attrs import frozen

from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.stage1.naming import Naming
from refrain_sidecar.enrichment.stage1.reading import defused
from refrain_sidecar.enrichment.wheel import WHEEL
from refrain_sidecar.inference.choose import EngineChooser

HELD_OUT = Path(__file__).parent / "data" / "emotion_heldout.jsonl"
BINS = 10


@frozen
class Judged:
    """One sentence: what it is labelled, what Stage 1 said, and how sure it was."""

    label: str
    said: str
    confidence: float
    text: str

    @property
    def right(self) -> bool:
        return self.label == self.said


async def judge(path: Path) -> list[Judged]:
    """Stage 1's primary for every sentence of `path`."""
    settings = Settings(inference=InferenceSettings(engine="embedded"))
    chooser = EngineChooser(settings, threads_in_force(settings))
    try:
        engine = await chooser.engine()
        naming = Naming(Asking(chooser, settings.inference))
        judged = []
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            named = (await naming.name(engine, defused(row["text"]))).scored
            judged.append(Judged(row["label"], named.place.primary, named.confidence, row["text"]))
        return judged
    finally:
        await chooser.close()


def calibration_error(judged: list[Judged]) -> float:
    """The mean gap between stated confidence and share of right answers."""
    bins: dict[int, list[Judged]] = {}
    for one in judged:
        bins.setdefault(min(int(one.confidence * BINS), BINS - 1), []).append(one)
    gaps = (abs(sum(o.confidence for o in b) - sum(o.right for o in b)) for b in bins.values())
    return sum(gaps) / len(judged)


def report(path: Path, judged: list[Judged]) -> dict[str, object]:
    """Print the tables; returns the figures."""
    pairs = Counter((one.label, one.said) for one in judged)
    print(f"\n{path.name}: rows are labels, columns what Stage 1 said")
    print(f"{'':>10}" + "".join(f"{name:>10}" for name in WHEEL.primaries))
    for label in WHEEL.primaries:
        cells = "".join(f"{pairs[label, said] or '·':>10}" for said in WHEEL.primaries)
        print(f"{label:>10}{cells}")
    right = sum(one.right for one in judged)
    error = calibration_error(judged)
    print(f"accuracy {right}/{len(judged)} = {right / len(judged):.3f}, calibration {error:.3f}")
    return {
        "file": path.name,
        "sentences": len(judged),
        "right": right,
        "accuracy": round(right / len(judged), 3),
        "calibration_error": round(error, 3),
    }


def main() -> None:
    paths = [Path(name) for name in sys.argv[1:]] or [HELD_OUT]
    figures = [report(path, asyncio.run(judge(path))) for path in paths]
    print(json.dumps({"bench": "stage1_accuracy", "sets": figures}))


if __name__ == "__main__":
    main()
