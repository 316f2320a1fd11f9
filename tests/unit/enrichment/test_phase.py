"""Only the phase of day of a moment counts."""

from datetime import datetime

import pytest

from refrain_sidecar.enrichment.errors import InputRefused
from refrain_sidecar.enrichment.phase import phase_of


@pytest.mark.parametrize(
    ("clock", "phase"),
    [
        ("04:59", "night"), ("05:00", "morning"), ("11:59", "morning"), ("12:00", "afternoon"),
        ("17:59", "afternoon"), ("18:00", "evening"), ("21:59", "evening"), ("22:00", "night"),
        ("00:00", "night"),
    ],
)  # fmt: skip
def test_phases_begin_on_the_hour(clock: str, phase: str) -> None:
    assert phase_of(f"2026-10-29T{clock}:00") == phase
    assert phase_of(datetime.fromisoformat(f"2026-10-29T{clock}:00")) == phase


def test_a_moments_own_clock_counts() -> None:
    assert phase_of("2026-10-29T08:00:00+09:00") == "morning"


def test_without_a_moment_there_is_no_phase() -> None:
    assert phase_of(None) is None


@pytest.mark.parametrize("wrong", ["yesterday", "", "2026-13-01"])
def test_a_text_that_is_no_moment_is_refused(wrong: str) -> None:
    with pytest.raises(InputRefused, match="ISO 8601"):
        phase_of(wrong)


def test_a_number_is_refused() -> None:
    with pytest.raises(InputRefused, match="type int"):
        phase_of(1761724800)  # type: ignore[arg-type]
