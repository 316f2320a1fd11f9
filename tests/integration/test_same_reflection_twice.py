"""The promise itself: the same reflection twice is a miss, then a hit, with the same output."""

import json
import logging
from pathlib import Path

import pytest

from refrain_sidecar.protocol import EnrichParams, StatsParams
from refrain_sidecar.service.service import Service

REFLECTION = "I'm feeling grateful for my friends and this beautiful day."


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "perf_config.json"
    path.parent.mkdir()
    path.write_text(
        '{"inference": {"engine": "embedded", "num_threads": 1},'
        ' "caching": {"cache_dir": "./cache"}}'
    )
    return path


async def test_miss_then_hit_with_equal_output(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "refrain")
    async with Service(config) as service:
        first = await service.enrich(EnrichParams(REFLECTION))
        second = await service.enrich(EnrichParams(f"  {REFLECTION}\r\n"))
        stats = await service.stats(StatsParams("session"))
    assert [stage.outcome for stage in first.stages] == ["miss", "miss"]
    assert [stage.outcome for stage in second.stages] == ["hit", "hit"]
    assert [stage.tier for stage in second.stages] == ["memory", "memory"]
    assert [stage.key for stage in second.stages] == [stage.key for stage in first.stages]
    assert (first.wheel, first.scores, first.post_enrichment) == (
        second.wheel,
        second.scores,
        second.post_enrichment,
    )
    assert (stats.hits_memory, stats.misses, stats.entries, stats.hit_rate) == (2, 2, 2, 0.5)

    place = f"{first.wheel.primary}/{first.wheel.secondary}"
    lines = [m for m in caplog.messages if m.startswith(("[PERF]", "[CACHE"))]
    assert lines == [
        "[PERF] Cache enabled: True",
        "[PERF] Cache entries: 0",
        "[CACHE MISS] Stage 1: I'm feeling grateful... (59 chars) → generated & cached",
        f"[CACHE MISS] Stage 2: {place} → generated & cached",
        "[CACHE HIT] Stage 1: I'm feeling grateful... (59 chars) → cached",
        f"[CACHE HIT] Stage 2: {place} → cached",
    ]


async def test_another_process_life_hits_from_disk_and_says_the_same(config: Path) -> None:
    async with Service(config) as service:
        first = await service.enrich(EnrichParams(REFLECTION))
    async with Service(config) as service:
        second = await service.enrich(EnrichParams(REFLECTION))
        everything = await service.stats(StatsParams("all"))
    assert [stage.tier for stage in second.stages] == ["disk", "disk"]
    assert (second.wheel, second.post_enrichment) == (first.wheel, first.post_enrichment)
    assert (everything.hits_disk, everything.misses) == (2, 2)


async def test_switched_off_by_configuration_alone_it_computes_and_touches_no_file(
    config: Path,
) -> None:
    settings = json.loads(config.read_text())
    settings["caching"]["enabled"] = False
    config.write_text(json.dumps(settings))
    async with Service(config) as service:
        first = await service.enrich(EnrichParams(REFLECTION))
        second = await service.enrich(EnrichParams(REFLECTION))
    assert [stage.outcome for stage in first.stages + second.stages] == ["bypass"] * 4
    assert not (config.parents[1] / "cache").exists()
