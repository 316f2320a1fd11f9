"""What is known of the machine's CPUs. Facts only: what follows from them is in `advice.py`."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

# "performance" where all cores are alike, too.
CoreKind = Literal["performance", "efficiency"]


@frozen
class LogicalCpu:
    """One CPU as the scheduler sees it.

    `core` is equal for those that share a core (SMT); `usable` says whether this process may run
    on it.
    """

    number: int
    core: int
    kind: CoreKind = "performance"
    usable: bool = True


@frozen
class CpuFacts:
    """The CPUs that are online, and what limits their use.

    `container_cpus` is the cgroup's quota in CPUs, None when there is none. `topology_known` is
    False where the machine does not say which CPUs share a core; each then counts as a core.
    """

    model: str
    cpus: tuple[LogicalCpu, ...]
    container_cpus: float | None = None
    topology_known: bool = True

    @property
    def logical(self) -> int:
        return len(self.cpus)

    @property
    def affinity(self) -> int:
        """Logical CPUs this process may run on."""
        return sum(cpu.usable for cpu in self.cpus)

    def cores(self, kind: CoreKind | None = None, *, usable: bool = False) -> int:
        """Physical cores: of one kind, or only those with a CPU this process may run on."""
        return len(
            {
                cpu.core
                for cpu in self.cpus
                if (kind is None or cpu.kind == kind) and (cpu.usable or not usable)
            }
        )


def alike(
    physical: int, per_core: int = 1, *, kind: CoreKind = "performance", first: int = 0
) -> tuple[LogicalCpu, ...]:
    """`physical` cores of one kind with `per_core` CPUs each, numbered from `first`."""
    return tuple(
        LogicalCpu(number=number, core=first + (number - first) // per_core, kind=kind)
        for number in range(first, first + physical * per_core)
    )
