"""The CPUs of a Linux machine, read from /sys and /proc under a given root."""

from __future__ import annotations

import platform
from collections.abc import Collection
from pathlib import Path

from refrain_sidecar.cpu.cgroup import quota
from refrain_sidecar.cpu.facts import CpuFacts, LogicalCpu
from refrain_sidecar.cpu.tree import text_of

# A core of at least this share of the strongest one's capacity counts as a performance core. Arm's
# middle cores stand at 0.75 to 0.95 of the prime one; little ones and Intel's E-cores below 0.7.
PERFORMANCE_SHARE = 0.75
# Where Intel's hybrid chips name their kinds of CPU: perf's devices, then kernels that have types.
_FAST = ("sys/devices/cpu_core/cpus", "sys/devices/system/cpu/types/intel_core*/cpulist")
_SLOW = (
    "sys/devices/cpu_atom/cpus",
    "sys/devices/cpu_lowpower/cpus",
    "sys/devices/system/cpu/types/intel_atom*/cpulist",
)


def linux_facts(root: Path, affinity: Collection[int]) -> CpuFacts:
    """Facts from the tree under `root` ("/" but in tests); `affinity` as `os.sched_getaffinity`.

    Raises OSError or ValueError where /sys/devices/system/cpu cannot be read.
    """
    folder = root / "sys/devices/system/cpu"
    numbers = parse_cpu_list((folder / "online").read_text())
    cores = {number: _core(folder / f"cpu{number}", number) for number in numbers}
    slow = _efficiency(root, folder, numbers)
    information = text_of(root / "proc/cpuinfo")
    told = any(core is not None for core in cores.values())
    shared = len(set(cores.values())) < len(cores)
    virtual = "hypervisor" in information
    return CpuFacts(
        model=_model(root, information),
        cpus=tuple(
            LogicalCpu(
                number=number,
                core=number if (core := cores[number]) is None else core,
                kind="efficiency" if number in slow else "performance",
                usable=number in affinity,
            )
            for number in numbers
        ),
        container_cpus=quota(root),
        # A guest in which no two CPUs share a core has usually not been told which do.
        topology_known=told and (shared or not virtual or len(numbers) == 1),
    )


def parse_cpu_list(text: str) -> list[int]:
    """`0-3,8,10-11` as numbers. Raises ValueError."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def _core(folder: Path, number: int) -> int | None:
    """The lowest CPU number of the core that `number` belongs to; None where it is not told."""
    for name in ("core_cpus_list", "thread_siblings_list"):
        if siblings := parse_cpu_list(text_of(folder / "topology" / name)):
            return min(siblings)
    return None


def _efficiency(root: Path, folder: Path, numbers: list[int]) -> set[int]:
    """The CPUs of the efficiency cores; none where all are alike."""
    slow = _listed(root, _SLOW)
    if slow and _listed(root, _FAST):
        return slow
    typed = {n: text_of(folder / f"cpu{n}/topology/core_type").lower() for n in numbers}
    if slow := {n for n, kind in typed.items() if "atom" in kind}:
        return slow
    capacity = {n: int(text_of(folder / f"cpu{n}/cpu_capacity") or 0) for n in numbers}
    enough = max(capacity.values(), default=0) * PERFORMANCE_SHARE
    return {n for n, size in capacity.items() if size < enough}


def _listed(root: Path, patterns: tuple[str, ...]) -> set[int]:
    return {
        number
        for pattern in patterns
        for file in root.glob(pattern)
        for number in parse_cpu_list(text_of(file))
    }


def _model(root: Path, information: str) -> str:
    for line in information.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware") and value.strip():
            return value.strip()
    board = text_of(root / "sys/firmware/devicetree/base/model").strip("\0\n ")
    return board or platform.machine()
