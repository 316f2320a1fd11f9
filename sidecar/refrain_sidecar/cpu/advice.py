"""How many threads an engine should compute with, from given facts. Pure.

Decoding is bound by memory bandwidth and by its slowest thread: one thread for each performance
core is best, and a thread too many costs more than one too few (FACTS.md: 2 → 4 threads on two
cores took 538 → 891 ms). Load is left out on purpose: a changed number reloads the model.
"""

from __future__ import annotations

import math

from attrs import frozen

from refrain_sidecar.cpu.facts import CpuFacts
from refrain_sidecar.protocol import CpuThreadsResult, KeptCalibration


@frozen
class Advice:
    """How many threads to use, and why in one sentence for people."""

    threads: int
    reason: str


def advise(facts: CpuFacts, calibration: KeptCalibration | None = None) -> Advice:
    """What was measured, where that can be gone by; else what the cores suggest. At least 1."""
    advice = _by_cores(facts)
    if calibration is None or calibration.doubt is not None:
        return advice
    reason = (
        f"Measured on this machine with {calibration.model}: "
        f"{_many(calibration.threads, 'thread')} gave the most tokens a second."
    )
    if calibration.threads != advice.threads:
        reason += f" By its cores alone it would be {advice.threads}."
    return Advice(calibration.threads, reason)


def _by_cores(facts: CpuFacts) -> Advice:
    """One thread for each usable performance core, within the container's limit."""
    performance = facts.cores("performance", usable=True)
    efficiency = facts.cores("efficiency", usable=True)
    threads = performance or efficiency or 1
    if not performance and not efficiency:
        reason = "The machine does not say what CPUs it has."
    elif not facts.topology_known:
        reason = (
            f"{_many(threads, 'usable CPU')}; the machine hides which of them share a core, so "
            "each counts as one. Calibrating measures whether fewer are faster."
        )
    elif not performance:
        reason = f"This process may run on efficiency cores only: {threads}."
    else:
        reason = f"One thread for each of {_many(performance, 'usable performance core')}."
        if left := _left_out(facts, efficiency):
            reason += f" Left out: {left}, which would slow the others down."
    limit = facts.container_cpus
    if limit is not None and threads > (within := max(1, math.floor(limit))):
        reason = (
            f"The container may use {limit:g} CPUs of the {_many(threads, 'core')} it sees; more "
            "threads would be stopped again and again."
        )
        threads = within
    return Advice(threads, reason)


def report(
    facts: CpuFacts,
    *,
    load_percent: float,
    configured: int | None = None,
    calibration: KeptCalibration | None = None,
) -> CpuThreadsResult:
    """The facts, the configuration, the advice and what is in force, side by side."""
    advice = advise(facts, calibration)
    reason = advice.reason
    if configured is not None and configured > facts_limit(facts):
        reason += (
            f" The configuration says {configured}, more than can run at once: answers come "
            f'slower. Set inference.num_threads to {advice.threads} or "auto".'
        )
    return CpuThreadsResult(
        cpu_model=facts.model,
        logical=facts.logical,
        physical=facts.cores(),
        performance_cores=facts.cores("performance"),
        efficiency_cores=facts.cores("efficiency"),
        affinity=facts.affinity,
        container_cpus=facts.container_cpus,
        load_percent=load_percent,
        configured=configured,
        advised=advice.threads,
        in_force=configured or advice.threads,
        reason=reason,
        calibration=calibration,
    )


def candidates(facts: CpuFacts) -> tuple[int, ...]:
    """The thread counts worth measuring, in rising order: around the advised one, and all."""
    advised = _by_cores(facts).threads
    around = {advised // 2, advised - 1, advised, advised + 1}
    everything = {facts.cores(usable=True), facts.affinity}
    return tuple(sorted(n for n in around | everything if 1 <= n <= facts_limit(facts)))


def facts_limit(facts: CpuFacts) -> int:
    """The most threads that can run at once, at least 1."""
    most = max(1, facts.affinity)
    if facts.container_cpus is None:
        return most
    return min(most, max(1, math.ceil(facts.container_cpus)))


def _left_out(facts: CpuFacts, efficiency: int) -> str:
    parts = []
    if efficiency:
        parts.append(_many(efficiency, "efficiency core"))
    shared = sum(cpu.usable and cpu.kind == "performance" for cpu in facts.cpus) - facts.cores(
        "performance", usable=True
    )
    if shared:
        parts.append(_many(shared, "second thread") + " of the same cores")
    return " and ".join(parts)


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
