"""How many threads, from given facts: machines people have, and one they rent."""

from __future__ import annotations

import pytest
from attrs import evolve

from refrain_sidecar.cpu.advice import advise, candidates, report
from refrain_sidecar.cpu.facts import CpuFacts, alike
from refrain_sidecar.protocol import KeptCalibration


def hybrid(performance: int, per_core: int, efficiency: int, model: str) -> CpuFacts:
    fast = alike(performance, per_core)
    return CpuFacts(model, fast + alike(efficiency, kind="efficiency", first=len(fast)))


# 6 P-cores with two threads each, 8 E-cores and 2 low-power ones: 22 CPUs (Meteor Lake).
CORE_ULTRA_7 = hybrid(6, 2, 10, "Intel(R) Core(TM) Ultra 7 155H")
# 8 P-cores and 12 E-cores, one thread each (Arrow Lake).
CORE_ULTRA_265K = hybrid(8, 1, 12, "Intel(R) Core(TM) Ultra 7 265K")
RYZEN = CpuFacts("AMD Ryzen 7 7800X3D 8-Core Processor", alike(8, 2))
APPLE_M3_PRO = hybrid(6, 1, 6, "Apple M3 Pro")
SERVER = CpuFacts("AMD EPYC 7763 64-Core Processor", alike(64, 2))
CONTAINER = evolve(SERVER, container_cpus=2.0)
VIRTUAL = CpuFacts("AMD EPYC", alike(8), topology_known=False)


def bound_to(facts: CpuFacts, numbers: set[int]) -> CpuFacts:
    return evolve(facts, cpus=tuple(evolve(c, usable=c.number in numbers) for c in facts.cpus))


@pytest.mark.parametrize(
    ("facts", "threads", "because"),
    [
        (CORE_ULTRA_7, 6, "10 efficiency cores and 6 second threads of the same cores"),
        (CORE_ULTRA_265K, 8, "12 efficiency cores"),
        (RYZEN, 8, "8 second threads of the same cores"),
        (APPLE_M3_PRO, 6, "6 efficiency cores"),
        (SERVER, 64, "64 usable performance cores"),
        (CONTAINER, 2, "The container may use 2 CPUs of the 64 cores it sees"),
        (evolve(SERVER, container_cpus=2.9), 2, "2.9 CPUs"),
        (evolve(SERVER, container_cpus=0.5), 1, "0.5 CPUs"),
        (evolve(RYZEN, container_cpus=16.0), 8, "8 usable performance cores"),
        (VIRTUAL, 8, "hides which of them share a core"),
        # Two P-cores with both their threads, and one E-core.
        (bound_to(CORE_ULTRA_7, {0, 1, 2, 3, 12}), 2, "2 usable performance cores"),
        (bound_to(CORE_ULTRA_7, {12, 13, 14}), 3, "efficiency cores only"),
        (bound_to(RYZEN, {5}), 1, "1 usable performance core."),
        (CpuFacts("?", ()), 1, "does not say"),
    ],
)
def test_one_thread_for_each_usable_performance_core(
    facts: CpuFacts, threads: int, because: str
) -> None:
    advice = advise(facts)

    assert advice.threads == threads
    assert because in advice.reason


def test_the_report_fills_every_field_from_the_facts() -> None:
    result = report(
        bound_to(evolve(CORE_ULTRA_7, container_cpus=4.0), set(range(10))),
        load_percent=12.5,
        configured=None,
        calibration=None,
    )

    assert result.cpu_model == "Intel(R) Core(TM) Ultra 7 155H"
    assert (result.logical, result.physical) == (22, 16)
    assert (result.performance_cores, result.efficiency_cores) == (6, 10)
    assert (result.affinity, result.container_cpus) == (10, 4.0)
    assert (result.load_percent, result.configured, result.calibration) == (12.5, None, None)
    assert result.advised == result.in_force == 4


def kept(threads: int, doubt: str | None = None) -> KeptCalibration:
    return KeptCalibration(threads, "ollama", "llama3.2:3b", 1_762_000_000.0, doubt)


@pytest.mark.parametrize(
    ("configured", "calibration", "advised", "in_force"),
    [
        (None, None, 8, 8),
        (None, kept(6), 6, 6),
        (None, kept(6, "It was busy."), 8, 8),
        (4, None, 8, 4),
        (4, kept(6), 6, 4),
    ],
)
def test_a_configured_number_goes_before_a_measured_one_before_the_cores(
    configured: int | None, calibration: KeptCalibration | None, advised: int, in_force: int
) -> None:
    result = report(RYZEN, load_percent=0, configured=configured, calibration=calibration)

    assert (result.advised, result.in_force) == (advised, in_force)
    assert result.calibration == calibration


def test_a_measurement_says_what_it_was_made_with_and_what_the_cores_would_say() -> None:
    reason = report(RYZEN, load_percent=0, calibration=kept(6)).reason

    assert "with llama3.2:3b: 6 threads gave the most tokens a second" in reason
    assert "By its cores alone it would be 8" in reason


def test_more_threads_than_can_run_are_told_with_the_way_out() -> None:
    result = report(CONTAINER, load_percent=0, configured=6)

    assert result.in_force == 6
    assert "The configuration says 6, more than can run at once" in result.reason
    assert "inference.num_threads to 2" in result.reason


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        (CORE_ULTRA_7, (3, 5, 6, 7, 16, 22)),
        (RYZEN, (4, 7, 8, 9, 16)),
        (CONTAINER, (1, 2)),
        (VIRTUAL, (4, 7, 8)),
        (bound_to(RYZEN, {5}), (1,)),
        (CpuFacts("?", ()), (1,)),
    ],
)
def test_counts_worth_measuring_lie_around_the_advice_and_can_all_run(
    facts: CpuFacts, counts: tuple[int, ...]
) -> None:
    assert candidates(facts) == counts
