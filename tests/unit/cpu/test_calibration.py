"""Measured thread counts: which is best, and that they are found again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from attrs import evolve

from refrain_sidecar.cpu.calibration import Calibration, CalibrationFile
from refrain_sidecar.cpu.facts import CpuFacts, alike
from refrain_sidecar.cpu.threads import calibrated_threads
from refrain_sidecar.inference.manifest import manifest
from refrain_sidecar.settings import InferenceSettings

RYZEN = CpuFacts("AMD Ryzen 7", alike(8, 2))
MEASURED = Calibration("m", {4: 40.0, 8: 80.0, 16: 50.0}, 1_762_000_000.0, 3.5)


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ({4: 40.0, 8: 80.0, 16: 50.0}, 8),
        ({6: 79.0, 8: 80.0, 16: 80.5}, 6),  # within the noise the fewest
        ({6: 70.0, 8: 80.0}, 8),
        ({2: 1.0}, 2),
    ],
)
def test_the_fastest_is_best_and_of_equals_the_fewest(rates: dict[int, float], best: int) -> None:
    assert Calibration("m", rates, 0.0, 0.0).best == best


def test_a_calibration_is_kept_for_its_machine_and_model(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "data")
    file.keep(RYZEN, MEASURED)
    file.keep(RYZEN, evolve(MEASURED, model="other", tokens_per_s={2: 9.0}))

    again = CalibrationFile(tmp_path / "data")

    assert again.find(RYZEN, "m") == MEASURED
    assert again.find(RYZEN, "unmeasured") is None
    assert again.find(evolve(RYZEN, model="another chip"), "m") is None
    assert again.find(evolve(RYZEN, container_cpus=2.0), "m") is None, "other limits, other best"


def test_a_calibration_is_private_and_leaves_no_scraps(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "data")
    file.keep(RYZEN, MEASURED)
    file.keep(RYZEN, MEASURED)

    assert [entry.name for entry in file.path.parent.iterdir()] == [file.path.name]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"sha256:x": 3}', "\0"])
def test_a_damaged_file_counts_as_empty_and_says_so(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = CalibrationFile(tmp_path)
    file.path.write_text(text)

    assert file.find(RYZEN, "m") is None
    assert str(file.path) in caplog.text

    file.keep(RYZEN, MEASURED)
    assert file.find(RYZEN, "m") == MEASURED


def test_the_model_that_will_answer_decides_which_measurement_counts(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path)
    own = manifest().weights.model
    file.keep(RYZEN, Calibration(own, {3: 1.0}, 0.0, 0.0))

    def threads(settings: InferenceSettings) -> int | None:
        return calibrated_threads(RYZEN, settings, file)

    assert threads(InferenceSettings(engine="embedded", model="llama3.2:3b")) == 3
    assert threads(InferenceSettings(engine="auto", model="llama3.2:3b")) == 3
    assert threads(InferenceSettings(engine="ollama", model="llama3.2:3b")) is None

    file.keep(RYZEN, Calibration("llama3.2:3b", {7: 1.0}, 0.0, 0.0))
    assert threads(InferenceSettings(engine="auto", model="llama3.2:3b")) == 7


def test_what_was_measured_on_a_busy_machine_is_kept_and_not_gone_by(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path)
    file.keep(RYZEN, Calibration("m", {1: 9.0, 8: 3.0}, 0.0, 80.0))

    assert file.find(RYZEN, "m") is not None
    assert calibrated_threads(RYZEN, InferenceSettings(engine="ollama", model="m"), file) is None
