"""Facts from what macOS and Windows tell, given as they tell it; and from this machine itself."""

from __future__ import annotations

import os
import struct
from typing import Literal

import psutil
import pytest

from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.cpu.advice import advise
from refrain_sidecar.cpu.gather import gather
from refrain_sidecar.cpu.macos import macos_facts
from refrain_sidecar.cpu.windows import Core, parse_cores, windows_facts


def test_an_apple_chip_has_levels_of_which_the_first_is_fast() -> None:
    numbers = {
        "hw.nperflevels": 2,
        "hw.perflevel0.physicalcpu": 8,
        "hw.perflevel1.physicalcpu": 4,
        "hw.physicalcpu": 12,
        "hw.logicalcpu": 12,
    }

    facts = macos_facts(numbers.get, "Apple M3 Max")

    assert (facts.cores("performance"), facts.cores("efficiency")) == (8, 4)
    assert advise(facts).threads == 8


def test_an_intel_mac_has_two_threads_a_core_and_no_levels() -> None:
    numbers = {"hw.physicalcpu": 6, "hw.logicalcpu": 12}

    facts = macos_facts(numbers.get, "Intel(R) Core(TM) i7")

    assert (facts.logical, facts.cores()) == (12, 6)
    assert advise(facts).threads == 6


def test_a_mac_that_tells_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"hw\.physicalcpu"):
        macos_facts(lambda _: None, "?")


def core(mask: int, efficiency_class: int, *, group: int = 0) -> bytes:
    """One core as GetLogicalProcessorInformationEx writes it."""
    body = struct.pack("<BB20xHQH6x", 0, efficiency_class, 1, mask, group)
    return struct.pack("<II", 0, 8 + len(body)) + body


def test_windows_tells_a_fast_core_by_its_higher_class() -> None:
    fast = [core(0b11 << (2 * n), 1) for n in range(6)]
    slow = [core(1 << (12 + n), 0) for n in range(10)]
    cores = tuple(parse_cores(b"".join(fast + slow)))

    facts = windows_facts(cores, range(22), "Intel(R) Core(TM) Ultra 7 155H")

    assert (facts.logical, facts.cores("performance"), facts.cores("efficiency")) == (22, 6, 10)
    assert advise(facts).threads == 6


def test_windows_cores_of_one_class_are_all_fast() -> None:
    facts = windows_facts([Core(0, (0, 1)), Core(0, (2, 3))], [0, 1], "A chip")

    assert facts.cores("performance") == 2
    assert advise(facts).threads == 1, "bound to the first core"


def test_windows_processor_groups_number_on() -> None:
    assert list(parse_cores(core(0b11, 0) + core(0b11, 0, group=1))) == [
        Core(0, (0, 1)),
        Core(0, (64, 65)),
    ]


@pytest.mark.parametrize("data", [core(1, 0)[:-4], core(1, 0) + b"\0" * 40, b"\0\0"])
def test_a_windows_list_that_is_cut_short_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="list of cores"):
        list(parse_cores(data))


def test_this_machine_agrees_with_psutil() -> None:
    facts = gather()

    assert facts.logical == psutil.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        assert facts.affinity == len(os.sched_getaffinity(0))
    assert 1 <= facts.cores() <= facts.logical


def test_threads_in_force_are_the_configured_ones_or_can_all_run() -> None:
    def in_force(num_threads: int | Literal["auto"]) -> int:
        return threads_in_force(Settings(InferenceSettings(num_threads=num_threads)))

    assert in_force(3) == 3
    assert 1 <= in_force("auto") <= gather().affinity
