"""Measured thread counts: which is best, and that they are found again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from attrs import evolve

from refrain_sidecar.cpu.calibrate import MOST_LOOKS, load_beside
from refrain_sidecar.cpu.calibration import Calibration, CalibrationFile, machine_name
from refrain_sidecar.cpu.facts import CpuFacts, alike

RYZEN = CpuFacts("AMD Ryzen 7", alike(8, 2))
MEASURED = Calibration(
    machine=machine_name(RYZEN),
    engine="ollama",
    engine_version="0.33",
    model="m",
    tokens_per_s={4: 40.0, 8: 80.0, 16: 50.0},
    measured_at=1_762_000_000.0,
    load_percent=3.5,
)


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
    assert evolve(MEASURED, tokens_per_s=rates).best == best


def test_a_calibration_is_kept_for_its_machine_engine_and_model(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "data")
    file.keep(evolve(MEASURED, tokens_per_s={4: 1.0}))
    other_model = evolve(MEASURED, model="other", tokens_per_s={2: 9.0})
    other_machine = evolve(MEASURED, machine=machine_name(evolve(RYZEN, model="another chip")))
    limited = evolve(MEASURED, machine=machine_name(evolve(RYZEN, container_cpus=2.0)))
    other_engine = evolve(MEASURED, engine="embedded")
    for one in (other_model, other_engine, other_machine, limited, MEASURED):
        file.keep(one)

    again = CalibrationFile(tmp_path / "data")

    assert again.kept() == [other_model, other_engine, other_machine, limited, MEASURED]


def test_a_calibration_is_private_and_leaves_no_scraps(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "data")
    file.keep(MEASURED)
    file.keep(MEASURED)

    assert [entry.name for entry in file.path.parent.iterdir()] == [file.path.name]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "not json", "{}", '[{"model": "m"}]', "\0"])
def test_a_damaged_file_counts_as_empty_and_says_so(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = CalibrationFile(tmp_path)
    file.path.write_text(text)

    assert file.kept() == []
    assert str(file.path) in caplog.text

    file.keep(MEASURED)
    assert file.kept() == [MEASURED]


@pytest.mark.parametrize(
    ("looks", "load"),
    [([90.0, 60.0, 10.0, 95.0], 10.0), ([3.0, 95.0], 3.0), ([90.0] * MOST_LOOKS, 90.0)],
    ids=["a busy moment", "quiet", "work of others"],
)
def test_what_ends_soon_is_not_the_load_of_others(looks: list[float], load: float) -> None:
    told = iter(looks)

    assert load_beside(lambda _: next(told)) == load
