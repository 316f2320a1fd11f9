"""`refrain cpu` tells whether a kept calibration counts: real files, this machine's own facts."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from tests.unit.cli.conftest import Home

from refrain_sidecar.cpu import Calibration, CalibrationFile, gather
from refrain_sidecar.cpu.calibration import machine_name
from refrain_sidecar.inference.models.manifest import manifest

OWN = manifest()
MEASURED = Calibration(
    machine=machine_name(gather()),
    engine="embedded",
    engine_version=OWN.engine.version,
    model=OWN.weights.model,
    tokens_per_s={1: 40.0, 7: 80.0},
    measured_at=1_762_000_000.0,
    load_percent=3.0,
)


def test_without_a_calibration_it_says_how_to_make_one(home: Home, tmp_path: Path) -> None:
    run = home.refrain("cpu", REFRAIN_DATA_DIR=str(tmp_path))

    assert run.status == 0
    assert "refrain cpu --calibrate" in run.out
    assert "inference.num_threads = auto" in run.out


def test_a_calibration_that_counts_is_in_force(home: Home, tmp_path: Path) -> None:
    CalibrationFile(tmp_path).keep(MEASURED)

    result = home.refrain("cpu", "--json", REFRAIN_DATA_DIR=str(tmp_path)).json

    assert (result["inForce"], result["advised"], result["configured"]) == (7, 7, None)
    assert (result["calibration"]["threads"], result["calibration"]["doubt"]) == (7, None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"machine": "An elder machine"}, "An elder machine"),
        ({"model": "another:7b"}, "another:7b"),
        ({"engine_version": "0.0.1"}, "0.0.1"),
        ({"load_percent": 90.0}, "90 % busy"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_calibration_that_does_not_count_is_shown_with_the_reason(
    home: Home, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    CalibrationFile(tmp_path).keep(evolve(MEASURED, **changes))

    told = home.refrain("cpu", REFRAIN_DATA_DIR=str(tmp_path), COLUMNS="400").out
    result = home.refrain("cpu", "--json", REFRAIN_DATA_DIR=str(tmp_path)).json

    assert "7 threads fastest" in told
    assert "not gone by: " in told
    assert reason in told
    assert reason in result["calibration"]["doubt"]
    assert result["inForce"] == result["advised"] != 7
