"""This machine's facts, by whatever way its system has."""

from __future__ import annotations

import logging
import os
import platform
import sys
from pathlib import Path

import psutil

from refrain_sidecar.cpu.facts import CpuFacts, LogicalCpu, alike
from refrain_sidecar.cpu.linux import linux_facts
from refrain_sidecar.cpu.macos import macos_facts, sysctl_number, sysctl_text
from refrain_sidecar.cpu.windows import read_cores, read_model, windows_facts

log = logging.getLogger("refrain.cpu")

# psutil compares two readings; a shorter moment mostly measures the measuring.
LOAD_MOMENT_S = 0.2


def gather() -> CpuFacts:
    """What this machine has. Where its own way fails, psutil's counts, with a line in the log."""
    try:
        return _own_way()
    except (OSError, ValueError, AttributeError) as error:
        log.warning("The kinds of cores cannot be read (%s); psutil's counts are used.", error)
        return _counts()


def load_percent(moment_s: float = LOAD_MOMENT_S) -> float:
    """How busy all CPUs are, 0..100, over a moment of so many seconds. Blocks that long."""
    return psutil.cpu_percent(interval=moment_s)


def _own_way() -> CpuFacts:
    if sys.platform == "linux":
        return linux_facts(Path("/"), os.sched_getaffinity(0))
    if sys.platform == "darwin":
        model = sysctl_text("machdep.cpu.brand_string") or platform.machine()
        return macos_facts(sysctl_number, model)
    if sys.platform == "win32":
        return windows_facts(
            read_cores(), psutil.Process().cpu_affinity(), read_model() or platform.processor()
        )
    raise OSError(f"nothing is known of {sys.platform}")


def _counts() -> CpuFacts:
    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False)
    model = platform.processor() or platform.machine()
    if physical is None or logical % physical:
        cpus = tuple(LogicalCpu(number, number) for number in range(logical))
        return CpuFacts(model, cpus, topology_known=False)
    return CpuFacts(model, alike(physical, logical // physical))
