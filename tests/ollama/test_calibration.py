"""Calibrating on a real Ollama counts in quiet, also where it chose the model, and is gone by."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.ollama.serving import MODEL, RealOllama

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.cpu import candidates, cpu_threads, gather, threads_in_force
from refrain_sidecar.cpu.calibrate import calibrate
from refrain_sidecar.cpu.trust import QUIET_PERCENT


async def test_what_was_measured_with_the_model_it_chose_is_in_force(
    ollama: RealOllama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRAIN_DATA_DIR", str(tmp_path))
    inference = InferenceSettings(engine="ollama", base_url=ollama.base_url, model="auto")
    settings = Settings(inference, CacheSettings(cache_dir=tmp_path))
    facts = gather()

    measured = await calibrate(settings, facts, lambda _: None)

    assert (measured.engine, measured.model) == ("ollama", MODEL)
    assert tuple(measured.tokens_per_s) == candidates(facts)
    told = cpu_threads(settings)
    assert told.calibration is not None
    if measured.load_percent <= QUIET_PERCENT:
        assert told.calibration.doubt is None
        assert threads_in_force(settings) == told.in_force == measured.best
    else:  # somebody else's work, which lasts
        assert "busy with other things" in (told.calibration.doubt or "")
