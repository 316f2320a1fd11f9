"""The CPUs of a Mac, from sysctl."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable

from refrain_sidecar.cpu.facts import CpuFacts, alike

# A sysctl by its name: a number, or None where there is none such.
Numbers = Callable[[str], int | None]


def macos_facts(number: Numbers, model: str) -> CpuFacts:
    """Facts from sysctl's numbers. Level 0 is the fastest; macOS binds no process to CPUs.

    Raises ValueError when the number of CPUs is not told.
    """
    fast = number("hw.perflevel0.physicalcpu")
    if fast:
        slow = sum(
            number(f"hw.perflevel{level}.physicalcpu") or 0
            for level in range(1, number("hw.nperflevels") or 2)
        )
        return CpuFacts(model, alike(fast) + alike(slow, kind="efficiency", first=fast))
    physical, logical = number("hw.physicalcpu"), number("hw.logicalcpu")
    if not physical or not logical:
        raise ValueError("sysctl tells neither hw.perflevel0.physicalcpu nor hw.physicalcpu")
    return CpuFacts(
        model,
        alike(physical, max(1, logical // physical)),
        topology_known=not number("kern.hv_vmm_present"),
    )


def sysctl_number(name: str) -> int | None:
    """One of the kernel's numbers by name."""
    raw = _sysctl(name)
    return None if raw is None else int.from_bytes(raw, "little")


def sysctl_text(name: str) -> str | None:
    """One of the kernel's texts by name."""
    raw = _sysctl(name)
    return None if raw is None else raw.rstrip(b"\0").decode("utf-8", "replace")


def _sysctl(name: str) -> bytes | None:
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    size = ctypes.c_size_t(256)
    buffer = ctypes.create_string_buffer(size.value)
    failed = library.sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, 0)
    return None if failed else buffer.raw[: size.value]
