"""A kept calibration is gone by only where it was measured with what will answer, and in quiet."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from attrs import evolve
from tests.unit.cpu.test_calibration import MEASURED, RYZEN

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.cpu.calibration import Calibration, CalibrationFile, machine_name
from refrain_sidecar.cpu.threads import kept_calibration
from refrain_sidecar.cpu.trust import Answering, closest
from refrain_sidecar.inference.last_known import Identity, LastKnown
from refrain_sidecar.inference.models.manifest import manifest

HERE = machine_name(RYZEN)
ANSWERING = (Answering("ollama", "m"),)


def test_nothing_kept_is_nothing_to_go_by() -> None:
    assert closest([], HERE, ANSWERING) is None


def test_what_was_measured_here_with_what_answers_is_not_doubted() -> None:
    found = closest([MEASURED], HERE, ANSWERING)

    assert found is not None
    assert (found.threads, found.engine, found.model) == (8, "ollama", "m")
    assert (found.measured_at, found.doubt) == (MEASURED.measured_at, None)


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"machine": "Apple M3 Pro"}, "on another machine or within other limits: Apple M3 Pro"),
        ({"model": "other"}, "with other; m is to answer"),
        ({"engine": "embedded", "engine_version": "9"}, "with embedded 9; ollama is to answer"),
        ({"load_percent": 80.0}, "80 % busy with other things"),
    ],
)
def test_what_is_not_to_be_trusted_is_shown_with_the_reason(
    changes: dict[str, object], doubt: str
) -> None:
    found = closest([evolve(MEASURED, **changes)], HERE, ANSWERING)

    assert found is not None
    assert found.threads == 8
    assert found.doubt is not None
    assert doubt in found.doubt


def test_another_version_of_the_engine_may_be_faster_elsewhere() -> None:
    measured = evolve(MEASURED, engine="embedded", engine_version="1")

    found = closest([measured], HERE, [Answering("embedded", "m", "2")])

    assert found is not None
    assert found.doubt == "It was measured with embedded 1; embedded 2 is to answer."


def test_the_one_to_be_trusted_is_preferred_to_the_later_one() -> None:
    later = evolve(MEASURED, tokens_per_s={2: 1.0}, measured_at=MEASURED.measured_at + 1)
    kept = [evolve(later, load_percent=90.0), evolve(later, machine="elsewhere"), MEASURED]

    found = closest(kept, HERE, ANSWERING)

    assert found is not None
    assert (found.threads, found.doubt) == (8, None)


def test_the_engine_that_will_answer_decides_which_measurement_counts(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path)
    own = manifest()
    by_own = Calibration(
        HERE, "embedded", own.engine.version, own.weights.model, {3: 1.0}, 0.0, 0.0
    )
    file.keep(by_own)

    def found(inference: InferenceSettings) -> tuple[int, bool]:
        kept = kept_calibration(RYZEN, Settings(inference), file)
        assert kept is not None
        return kept.threads, kept.doubt is None

    assert found(InferenceSettings(engine="embedded", model="llama3.2:3b")) == (3, True)
    assert found(InferenceSettings(engine="auto", model="llama3.2:3b")) == (3, True)
    assert found(InferenceSettings(engine="ollama", model="llama3.2:3b")) == (3, False)

    file.keep(evolve(MEASURED, model="llama3.2:3b"))
    assert found(InferenceSettings(engine="auto", model="llama3.2:3b")) == (8, True)
    assert found(InferenceSettings(engine="ollama", model="llama3.2:3b")) == (8, True)


@pytest.mark.parametrize("engine", ["ollama", "auto"])
def test_ollamas_own_choice_of_a_model_is_the_one_it_last_answered_with(
    tmp_path: Path, engine: Literal["auto", "ollama"]
) -> None:
    file = CalibrationFile(tmp_path)
    file.keep(MEASURED)
    caching = CacheSettings(cache_dir=tmp_path)
    settings = Settings(InferenceSettings(engine=engine, model="auto"), caching)

    def doubt() -> str | None:
        kept = kept_calibration(RYZEN, settings, file)
        assert kept is not None
        return kept.doubt

    assert "is to answer" in (doubt() or "")

    ollama = LastKnown(Settings(InferenceSettings(engine="ollama", model="auto"), caching))
    ollama.keep(Identity("ollama", "m:latest", "0" * 64, "0.33"))
    assert doubt() is None

    ollama.keep(Identity("ollama", "other:1b", "0" * 64, "0.33"))
    assert doubt() is not None


def test_of_two_engines_with_one_model_the_first_asked_counts() -> None:
    embedded = evolve(MEASURED, engine="embedded", engine_version="1", tokens_per_s={3: 1.0})

    found = closest([embedded, MEASURED], HERE, [Answering("embedded", "m", "1"), *ANSWERING])

    assert found is not None
    assert (found.threads, found.engine) == (3, "embedded")
