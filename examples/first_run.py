"""What `make run` does: enrich a few reflections twice and show what the cache made of it.

It starts from an empty cache in a folder of its own, so the first round always asks the model.
Ends with status 1 unless every answer of the second round is a hit and equal, byte for byte.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

import attrs
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from refrain_sidecar.cli import show
from refrain_sidecar.protocol import EnrichParams, EnrichResult, StatsParams
from refrain_sidecar.protocol.wire import to_wire
from refrain_sidecar.service.service import Service

REFLECTIONS = Path(__file__).with_name("reflections.jsonl")
CONSOLE = Console(highlight=False)

Round = list[EnrichResult]


async def main() -> int:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    records = [json.loads(line) for line in REFLECTIONS.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config" / "perf_config.json"
        config.parent.mkdir()
        config.write_text(
            '{"inference": {"engine": "embedded"}, "caching": {"cache_dir": "cache"}}'
        )
        service = Service(config)
        with CONSOLE.status("Loading the model…"):
            await service.open()
            await service.parts.scorer.prepare()
        try:
            first = await enrich(service, records, "First round: the model answers")
            second = await enrich(service, records, "Second round: the cache answers")
            stats = await service.stats(StatsParams("session"))
        finally:
            await service.close()
    CONSOLE.print(rounds(records, first, second))
    CONSOLE.print(poem(records[0], first[0]))
    CONSOLE.print(show.statistics(stats))
    return verdict(first, second)


async def enrich(service: Service, records: list[dict[str, str]], title: str) -> Round:
    results = []
    with show.progress(CONSOLE) as bars:
        for record in bars.track(records, description=title):
            params = EnrichParams(record["normalized_text"], timestamp=record["timestamp"])
            results.append(await service.enrich(params))
    return results


def rounds(records: list[dict[str, str]], first: Round, second: Round) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("reflection", "feeling"):
        table.add_column(heading)
    # What the run is for: in a narrow terminal the texts are cut, never these.
    for heading in ("first", "second", "same"):
        table.add_column(heading, no_wrap=True)
    for record, one, two in zip(records, first, second, strict=True):
        table.add_row(
            cut(record["normalized_text"]),
            cut("/".join(attrs.astuple(one.wheel))),
            outcomes(one),
            outcomes(two),
            "yes" if answer(one) == answer(two) else "NO",
        )
    return table


def cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def outcomes(result: EnrichResult) -> Text:
    """The outcome of both stages (`MISS` when they agree, `MISS·HIT` when not) and the time."""
    names = list(dict.fromkeys(stage.outcome.upper() for stage in result.stages))
    style = "green" if names == ["HIT"] else "yellow"
    return Text("·".join(names), style=style).append(
        f" {show.duration(result.total_ms)}", style="not bold default"
    )


def poem(record: dict[str, str], result: EnrichResult) -> Text:
    written = result.post_enrichment
    assert written is not None
    text = Text(f"For “{record['normalized_text']}” Stage 2 wrote\n\n", style="dim")
    for line in written.poem:
        text.append(f"    {line}\n", style="italic not dim")
    for tip in written.tips:
        text.append(f"  • {tip}\n", style="not dim")
    return text.append(f"  {written.closing}\n", style="not dim")


def answer(result: EnrichResult) -> bytes:
    """What was answered, without how long it took."""
    bare = attrs.evolve(result, stages=[], total_ms=0.0, saved_ms=0.0)
    return json.dumps(to_wire(bare), sort_keys=True, ensure_ascii=False).encode()


def verdict(first: Round, second: Round) -> int:
    same = all(answer(one) == answer(two) for one, two in zip(first, second, strict=True))
    hits = [stage for result in second for stage in result.stages]
    all_hit = all(stage.outcome == "hit" for stage in hits)
    misses = [s.total_ms for result in first for s in result.stages if s.outcome == "miss"]
    slowest_hit = max(stage.total_ms for stage in hits)
    CONSOLE.print(
        f"Slowest hit {show.duration(slowest_hit)}, fastest miss {show.duration(min(misses))}: "
        f"{min(misses) / slowest_hit:,.0f} times faster."
    )
    if same and all_hit:
        return 0
    CONSOLE.print("The second round was not answered from the cache as it should be.", style="red")
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
