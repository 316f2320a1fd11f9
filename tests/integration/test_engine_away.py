"""While the engine is away, stored answers are given, say so, and nothing is stored.

The engine is the real small model. It is away where its weights are not to be found.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from tests.lsp.conftest import SIDECAR
from tests.lsp.framing import Frames

from refrain_sidecar import protocol
from refrain_sidecar.config import read_settings
from refrain_sidecar.inference import choose
from refrain_sidecar.inference.errors import NoEngine
from refrain_sidecar.inference.last_known import LastKnown
from refrain_sidecar.inference.models.manifest import data_dir
from refrain_sidecar.protocol import EnrichParams, ExplainParams, StatsParams
from refrain_sidecar.service.service import Service

STORED = "I'm feeling grateful for my friends and this beautiful day."
NEVER_ASKED = "The house is so empty without her."


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "perf_config.json"
    path.parent.mkdir()
    path.write_text(
        '{"inference": {"engine": "embedded", "num_threads": 1},'
        ' "caching": {"cache_dir": "./cache"}}'
    )
    return path


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Takes the engine away, and gives it back."""
    there = data_dir()

    def switch(gone: bool) -> None:
        monkeypatch.setenv("REFRAIN_DATA_DIR", str(tmp_path / "empty" if gone else there))

    return switch


async def test_hits_are_given_and_say_so_misses_say_what_to_start_and_it_recovers(
    config: Path,
    away: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(choose, "AWAY_S", 0.0)
    caplog.set_level("INFO", "refrain")
    async with Service(config) as service:
        first = await service.enrich(EnrichParams(STORED))
        assert not first.engine.offline
    away(True)

    async with Service(config) as service:
        changed: list[bool] = []
        for tier in ("disk", "memory"):
            hit = await service.enrich(EnrichParams(STORED))
            assert [(s.outcome, s.tier, s.reason) for s in hit.stages] == [
                ("hit", tier, "engine offline")
            ] * 2
            assert (hit.wheel, hit.post_enrichment) == (first.wheel, first.post_enrichment)
            assert hit.engine.offline
        assert (
            "[CACHE HIT] Stage 1: I'm feeling grateful... (59 chars) → cached (engine offline)"
            in (caplog.messages)
        )
        stats = await service.stats(StatsParams())
        assert stats.engine is not None
        assert (stats.engine.offline, stats.engine.digest) == (True, first.engine.digest)
        assert "`refrain models fetch`" in (stats.engine_message or "")
        assert (await service.explain(ExplainParams(text=STORED))).would_hit

        for params in (EnrichParams(NEVER_ASKED), EnrichParams(STORED, fresh=True)):
            with pytest.raises(NoEngine, match="`refrain models fetch`"):
                await service.enrich(params)
        stats = await service.stats(StatsParams())
        assert (stats.entries, stats.lookups, stats.misses) == (2, 5, 1)

        service.subscribe(lambda: changed.append(True))
        away(False)
        await _until(service, lambda told: told.engine is not None and not told.engine.offline)
        again = await service.enrich(EnrichParams(STORED))
        assert [s.reason for s in again.stages] == [None, None]
        assert not again.engine.offline
        assert changed
        missed = await service.enrich(EnrichParams(NEVER_ASKED, stage2=False))
        assert missed.stages[0].outcome == "miss"


async def test_who_asks_in_the_very_moment_a_look_ends_in_vain_gets_what_it_last_was(
    config: Path, away: Callable[[bool], None]
) -> None:
    async with Service(config) as service:
        await service.parts.chooser.engine()
    away(True)
    async with Service(config) as service:
        chooser = service.parts.chooser
        first = asyncio.create_task(chooser.engine())
        await asyncio.sleep(0)  # it has begun to look, and will have ended before the next one asks
        known = await asyncio.create_task(chooser.known())
        assert isinstance(known, choose.Offline)
        with pytest.raises(NoEngine):
            await first


async def _until(service: Service, done: Callable[[protocol.StatsResult], bool]) -> None:
    """Ask for what is stored until the engine's return was noticed behind the answers."""
    async with asyncio.timeout(60):
        while not done(await service.stats(StatsParams())):
            await service.enrich(EnrichParams(STORED))
            await asyncio.sleep(0.02)


async def test_every_face_gives_stored_answers_and_says_engine_offline(
    config: Path, away: Callable[[bool], None]
) -> None:
    async with Service(config) as service:
        await service.enrich(EnrichParams(STORED))
    (remembered,) = (config.parents[1] / "cache").glob("*-engine-*")
    assert stat.S_IMODE(remembered.stat().st_mode) == 0o600
    away(True)
    env = {**os.environ, "REFRAIN_CONFIG": str(config), "COLUMNS": "100"}

    def run(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            env=env,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def frames() -> Any:
        sidecar = subprocess.Popen(
            SIDECAR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            spoken = Frames(sidecar)
            spoken.initialize(config.parents[1].as_uri())
            return [
                spoken.request(protocol.ENRICH, {"text": STORED})["result"],
                spoken.request(protocol.STATS, {})["result"],
                spoken.request(protocol.ENRICH, {"text": NEVER_ASKED})["error"],
            ]
        finally:
            sidecar.kill()
            sidecar.wait()

    lines = "".join(
        json.dumps({"rid": n, "normalized_text": text}) + "\n"
        for n, text in enumerate((STORED, NEVER_ASKED))
    )
    blocking = (
        "from refrain_sidecar.enrichment import HybridScorer, PostEnricher\n"
        f"first = HybridScorer().enrich({STORED!r})\n"
        "whole = PostEnricher().run_post_enrichment(first)\n"
        "print(first['provenance']['offline'], len(whole['post_enrichment']['poem']))\n"
        f"HybridScorer().enrich({NEVER_ASKED!r})\n"
    )
    shown, worked, plain, (hit, stats, error) = await asyncio.gather(
        asyncio.to_thread(run, "-m", "refrain_sidecar.cli", "enrich", STORED),
        asyncio.to_thread(run, "-m", "refrain_sidecar.cli", "worker", given=lines),
        asyncio.to_thread(run, "-c", blocking),
        asyncio.to_thread(frames),
    )

    assert (shown.returncode, shown.stdout.count("HIT (disk, engine offline)")) == (0, 2)

    (line,) = map(json.loads, worked.stdout.splitlines())
    assert (worked.returncode, line["rid"], line["provenance"]["offline"]) == (1, 0, True)
    assert "engine offline" in worked.stderr
    assert "`refrain models fetch`" in " ".join(worked.stderr.split())

    assert plain.stdout.split() == ["True", "3"]
    assert "NoEngine" in plain.stderr

    assert [stage["reason"] for stage in hit["stages"]] == ["engine offline"] * 2
    assert hit["engine"]["offline"]
    assert stats["engine"]["offline"]
    assert "`refrain models fetch`" in error["message"]


async def test_an_engine_that_comes_back_as_another_answers_under_its_own_name(
    config: Path, away: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "AWAY_S", 0.0)
    first_stage = EnrichParams(STORED, stage2=False)
    async with Service(config) as service:
        first = await service.enrich(first_stage)
    away(True)
    known = LastKnown(read_settings(config).settings)
    last = known.read()
    assert last is not None
    known.keep(evolve(last, digest="another"))
    async with Service(config) as service:
        with pytest.raises(NoEngine):
            await service.enrich(first_stage)
        away(False)
        again = await service.enrich(first_stage)
        assert (again.stages[0].outcome, again.stages[0].reason) == ("hit", None)
        assert (again.stages[0].key, again.engine) == (first.stages[0].key, first.engine)
        assert (await service.stats(StatsParams())).entries == 1, "nothing under the other name"
    assert known.read() == last
