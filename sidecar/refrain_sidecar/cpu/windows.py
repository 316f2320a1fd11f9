"""The CPUs of a Windows machine, from GetLogicalProcessorInformationEx."""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Collection, Iterator

from attrs import frozen

from refrain_sidecar.cpu.facts import CpuFacts, LogicalCpu

_RELATION_PROCESSOR_CORE = 0
_ERROR_INSUFFICIENT_BUFFER = 122
_CPUS_PER_GROUP = 64
# SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX for a core (winnt.h): relationship and size; flags,
# efficiency class, 20 reserved bytes, number of groups; then a GROUP_AFFINITY for each group.
_HEAD = struct.Struct("<II")
_CORE = struct.Struct("<BB20xH")
_GROUP_AFFINITY = struct.Struct("<QH6x")


@frozen
class Core:
    """One core: its efficiency class (higher is faster) and its CPUs, 64 a processor group."""

    efficiency_class: int
    cpus: tuple[int, ...]


def windows_facts(cores: Collection[Core], affinity: Collection[int], model: str) -> CpuFacts:
    """Facts from the cores. The highest efficiency class are the performance cores."""
    fastest = max((core.efficiency_class for core in cores), default=0)
    return CpuFacts(
        model,
        tuple(
            LogicalCpu(
                number=number,
                core=core.cpus[0],
                kind="performance" if core.efficiency_class == fastest else "efficiency",
                # Windows tells the affinity inside the process's own group only.
                usable=number in affinity or number >= _CPUS_PER_GROUP,
            )
            for core in cores
            for number in core.cpus
        ),
    )


def parse_cores(data: bytes) -> Iterator[Core]:
    """The cores in what Windows wrote into a buffer. Raises ValueError when it is cut short."""
    start = 0
    while start < len(data):
        try:
            relation, size = _HEAD.unpack_from(data, start)
            _, efficiency_class, groups = _CORE.unpack_from(data, start + _HEAD.size)
            first = start + _HEAD.size + _CORE.size
            masks = [
                _GROUP_AFFINITY.unpack_from(data, first + place * _GROUP_AFFINITY.size)
                for place in range(groups)
            ]
        except struct.error as error:
            raise ValueError(f"the list of cores is cut short at byte {start}") from error
        if size <= 0:
            raise ValueError(f"the list of cores has an empty part at byte {start}")
        start += size
        if relation == _RELATION_PROCESSOR_CORE:
            yield Core(
                efficiency_class,
                tuple(
                    group * _CPUS_PER_GROUP + bit
                    for mask, group in masks
                    for bit in range(_CPUS_PER_GROUP)
                    if mask >> bit & 1
                ),
            )


def read_cores() -> tuple[Core, ...]:
    """The machine's cores. Raises OSError off Windows or when Windows refuses."""
    if sys.platform != "win32":
        raise OSError("only Windows has GetLogicalProcessorInformationEx")
    ask = ctypes.WinDLL("kernel32", use_last_error=True).GetLogicalProcessorInformationEx
    size = ctypes.c_uint32(0)
    ask(_RELATION_PROCESSOR_CORE, None, ctypes.byref(size))
    if ctypes.get_last_error() != _ERROR_INSUFFICIENT_BUFFER:
        raise ctypes.WinError(ctypes.get_last_error())
    buffer = ctypes.create_string_buffer(size.value)
    if not ask(_RELATION_PROCESSOR_CORE, buffer, ctypes.byref(size)):
        raise ctypes.WinError(ctypes.get_last_error())
    return tuple(parse_cores(buffer.raw[: size.value]))


def read_model() -> str | None:
    """The CPU's name in the registry; None where it is not told."""
    if sys.platform != "win32":
        return None
    import winreg

    place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except OSError:
        return None
