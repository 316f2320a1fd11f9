"""What comes of forty varied texts, for a person to judge.

    python -m tests.bench.forty [--engine embedded|ollama]

All feelings, one word to a long paragraph, slang, other languages, lists, code, and one text that
tries to give orders. Each goes through both stages and is printed in full with what came of it;
then a table. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from attrs import frozen
from tests.bench.engines import ENGINES, engine_settings
from tests.ollama.counting import Requests, counting_requests

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment import (
    AsyncHybridScorer,
    AsyncPostEnricher,
    Enrichment,
    EnrichmentError,
    PostEnrichment,
)
from refrain_sidecar.inference.choose import EngineChooser
from refrain_sidecar.inference.errors import InferenceError

TEXTS = Path(__file__).parent / "data" / "forty.jsonl"


@frozen
class Taken:
    """What one text took, and whether a second asking finds it stored. `problem`: no answer."""

    seconds: float
    stage1: int
    stage2: int
    stored: bool
    problem: str = ""

    @property
    def requests(self) -> int:
        return self.stage1 + self.stage2


async def ask_all(texts: Sequence[str], settings: Settings, requests: Requests) -> list[Taken]:
    """Both stages of every text, each printed as it comes."""
    chooser = EngineChooser(settings, threads_in_force(settings))
    try:
        async with AsyncCache(settings.caching) as cache:
            scorer = AsyncHybridScorer(cache, chooser, settings)
            writer = AsyncPostEnricher(cache, chooser, settings)
            await scorer.prepare()
            await writer.prepare()
            print(f"{requests.since()} requests to get ready")
            return [await _ask(n, text, scorer, writer, requests) for n, text in enumerate(texts)]
    finally:
        await chooser.close()


async def _ask(
    number: int,
    text: str,
    scorer: AsyncHybridScorer,
    writer: AsyncPostEnricher,
    requests: Requests,
) -> Taken:
    print(f"\n=== {number + 1} ===\n{textwrap.fill(text, 96, replace_whitespace=False)}")
    began = time.perf_counter()
    stage1 = 0
    try:
        named = (await scorer.score(text)).value
        stage1 = requests.since()
        written = await writer.write(named)
    except (EnrichmentError, InferenceError) as error:
        print(f"  NO ANSWER: {error}", flush=True)
        return Taken(
            time.perf_counter() - began, stage1, requests.since(), False, type(error).__name__
        )
    seconds, stage2 = time.perf_counter() - began, requests.since()
    again = [(await scorer.score(text)).outcome, (await writer.write(named)).outcome]
    taken = Taken(seconds, stage1, stage2, again == ["hit", "hit"])
    _show(named, written.value)
    shared = ", Stage 2 shared with an earlier text" if written.outcome == "hit" else ""
    print(
        f"  {stage1} + {stage2} requests, {seconds:.1f} s{shared}"
        f"{'' if taken.stored else ', NOT STORED'}",
        flush=True,
    )
    return taken


def _show(named: Enrichment, written: PostEnrichment) -> None:
    wheel = named["wheel"]
    unsure = ", unsure" if named["low_confidence"] else ""
    print(
        f"→ {wheel['primary']}/{wheel['secondary']}/{wheel['tertiary']} "
        f"({named['confidence']:.2f}{unsure}); invokes {', '.join(named['invoked'])}; expresses "
        f"{', '.join(named['expressed'])}"
    )
    for event in named["events"]:
        print(f"  event: {event}")
    for warning in named["warnings"]:
        print(f"  warning: {warning}")
    for line in written["poem"]:
        print(f"    {line}")
    for tip in written["tips"]:
        print(f"  - {tip}")
    print(f"  {written['closing']} [{written['tone']}]")


def report(engine: str, taken: Sequence[Taken]) -> None:
    """The table and the JSON."""
    answered = [one for one in taken if not one.problem]
    figures: dict[str, float] = {
        "texts": len(taken),
        "answered": len(answered),
        "stored": sum(one.stored for one in taken),
    }
    for name, counts in (
        ("requests", [one.requests for one in taken]),
        ("stage1_requests", [one.stage1 for one in taken]),
        # A shared answer takes none, and says nothing of what writing takes.
        ("stage2_requests", [one.stage2 for one in taken if one.stage2]),
    ):
        figures |= {f"{name}_p50": median(counts), f"{name}_most": max(counts)}
    seconds = [one.seconds for one in taken]
    figures |= {"seconds_p50": round(median(seconds), 2), "seconds_most": round(max(seconds), 2)}
    print(f"\n{engine}")
    for name, figure in figures.items():
        print(f"  {name.replace('_', ' '):22}{figure:>8g}")
    print(json.dumps({"bench": "forty", "engine": engine, **figures}))


def main() -> None:
    parser = argparse.ArgumentParser(description="Forty varied texts through both stages.")
    parser.add_argument("--engine", choices=ENGINES, default="embedded")
    asked = parser.parse_args()
    texts = [json.loads(line)["text"] for line in TEXTS.read_text("utf-8").splitlines()]
    with (
        tempfile.TemporaryDirectory(prefix="refrain-forty-") as folder,
        counting_requests() as requests,
        engine_settings(asked.engine, CacheSettings(cache_dir=Path(folder))) as settings,
    ):
        taken = asyncio.run(ask_all(texts, settings, requests))
    report(asked.engine, taken)


if __name__ == "__main__":
    main()
