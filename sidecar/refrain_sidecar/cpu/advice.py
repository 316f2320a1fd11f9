"""How many threads an engine should compute with, from given facts. Pure.

Decoding is bound by memory bandwidth and by its slowest thread: one thread for each performance
core is best, and a thread too many costs more than one too few (FACTS.md: 2 → 4 threads on two
cores took 538 → 891 ms). Load is left out on purpose: a changed number reloads the model.
"""

from __future__ import annotations

import math

from attrs import frozen

from refrain_sidecar.cpu.facts import CpuFacts
from refrain_sidecar.protocol import CpuThreadsResult


@frozen
class Advice:
    """How many threads to use, and why in one sentence for people."""

    threads: int
    reason: str


def advise(facts: CpuFacts) -> Advice:
    """One thread for each usable performance core, within the container's limit; at least 1."""
    performance = facts.cores("performance", usable=True)
    efficiency = facts.cores("efficiency", usable=True)
    threads = performance or efficiency or 1
    if not performance and not efficiency:
        reason = "The machine does not say what CPUs it has."
    elif not facts.topology_known:
        reason = (
            f"{_many(threads, 'usable CPU')}; the machine hides which of them share a core, so "
            "each counts as one. `refrain cpu --calibrate` measures whether fewer are faster."
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
    calibrated: int | None = None,
) -> CpuThreadsResult:
    """The facts, the configuration, the advice and what is in force, side by side."""
    advice = advise(facts)
    reason = advice.reason
    if configured is not None and configured > facts_limit(facts):
        reason += (
            f" The configuration says {configured}, more than can run at once: answers come "
            f'slower. Set inference.num_threads to {calibrated or advice.threads} or "auto".'
        )
    elif calibrated is not None:
        reason += f" Measured on this machine, {calibrated} was the fastest."
    return CpuThreadsResult(
        cpu_model=facts.model,
        logical=facts.logical,
        physical=facts.physical,
        performance_cores=facts.cores("performance"),
        efficiency_cores=facts.cores("efficiency"),
        affinity=facts.affinity,
        container_cpus=facts.container_cpus,
        load_percent=load_percent,
        configured=configured,
        advised=advice.threads,
        in_force=in_force(facts, configured=configured, calibrated=calibrated),
        reason=reason,
        calibrated=calibrated,
    )


def in_force(facts: CpuFacts, *, configured: int | None, calibrated: int | None) -> int:
    """What requests carry: the configured number, else the measured one, else the advised one."""
    return configured or calibrated or advise(facts).threads


def candidates(facts: CpuFacts) -> tuple[int, ...]:
    """The thread counts worth measuring, in rising order: around the advised one, and all."""
    advised = advise(facts).threads
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
