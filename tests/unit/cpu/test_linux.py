"""Facts read from a laid-out /sys and /proc."""

from __future__ import annotations

from pathlib import Path

import pytest

from refrain_sidecar.cpu.advice import advise
from refrain_sidecar.cpu.linux import linux_facts, parse_cpu_list

ALL = range(256)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")


def machine(
    root: Path,
    siblings: list[str],
    *,
    online: str | None = None,
    info: str = "model name\t: A chip",
    name: str = "core_cpus_list",
    **files: str,
) -> None:
    """A tree in which CPU n shares its core with `siblings[n]`."""
    cpu = "sys/devices/system/cpu"
    write(root, {f"{cpu}/online": online or f"0-{len(siblings) - 1}", "proc/cpuinfo": info})
    write(root, {f"{cpu}/cpu{n}/topology/{name}": s for n, s in enumerate(siblings)})
    write(root, {f"{cpu}/{place}": text for place, text in files.items()})


def paired(cores: int) -> list[str]:
    return [f"{n - n % 2}-{n - n % 2 + 1}" for n in range(2 * cores)]


def test_core_ultra_7_by_the_names_of_its_core_kinds(tmp_path: Path) -> None:
    machine(tmp_path, paired(6) + [str(n) for n in range(12, 22)])
    write(
        tmp_path,
        {"sys/devices/cpu_core/cpus": "0-11", "sys/devices/cpu_atom/cpus": "12-21"},
    )

    facts = linux_facts(tmp_path, ALL)

    assert (facts.logical, facts.cores()) == (22, 16)
    assert (facts.cores("performance"), facts.cores("efficiency")) == (6, 10)
    assert facts.topology_known
    assert advise(facts).threads == 6


def test_core_ultra_265k_without_smt(tmp_path: Path) -> None:
    machine(tmp_path, [str(n) for n in range(20)])
    write(tmp_path, {"sys/devices/cpu_core/cpus": "0-7", "sys/devices/cpu_atom/cpus": "8-19"})

    assert advise(linux_facts(tmp_path, ALL)).threads == 8


def test_core_types_told_by_the_topology(tmp_path: Path) -> None:
    kinds = ["intel_core"] * 4 + ["intel_atom"] * 4
    machine(
        tmp_path,
        [str(n) for n in range(8)],
        **{f"cpu{n}/topology/core_type": kind for n, kind in enumerate(kinds)},
    )

    assert linux_facts(tmp_path, ALL).cores("performance") == 4


def test_core_types_told_by_the_types_folder(tmp_path: Path) -> None:
    machine(
        tmp_path,
        [str(n) for n in range(6)],
        **{"types/intel_core_0/cpulist": "0-1", "types/intel_atom_0/cpulist": "2-5"},
    )

    assert linux_facts(tmp_path, ALL).cores("efficiency") == 4


def test_arm_cores_by_capacity(tmp_path: Path) -> None:
    capacities = [1024, 870, 870, 870, 325, 325, 325, 325]
    machine(
        tmp_path,
        [str(n) for n in range(8)],
        info="processor\t: 0",
        **{f"cpu{n}/cpu_capacity": str(size) for n, size in enumerate(capacities)},
    )
    write(tmp_path, {"sys/firmware/devicetree/base/model": "Some Board\0"})

    facts = linux_facts(tmp_path, ALL)

    assert (facts.cores("performance"), facts.cores("efficiency")) == (4, 4)
    assert facts.model == "Some Board"


def test_ryzen_shares_each_core_between_two_threads(tmp_path: Path) -> None:
    # AMD numbers the second threads after all the first ones.
    machine(tmp_path, [f"{n % 8},{n % 8 + 8}" for n in range(16)], name="thread_siblings_list")

    facts = linux_facts(tmp_path, ALL)

    assert (facts.cores(), facts.cores("performance")) == (8, 8)
    assert facts.model == "A chip"


def test_a_process_bound_to_some_cpus_counts_only_those(tmp_path: Path) -> None:
    machine(tmp_path, paired(8))

    facts = linux_facts(tmp_path, {0, 1, 2})

    assert (facts.affinity, facts.cores()) == (3, 8)
    assert advise(facts).threads == 2


def test_cpus_that_are_off_do_not_count(tmp_path: Path) -> None:
    machine(tmp_path, paired(4), online="0,2,4,6")

    facts = linux_facts(tmp_path, ALL)

    assert (facts.logical, facts.cores()) == (4, 4)


def test_a_guest_in_which_no_cpus_share_a_core_hides_its_topology(tmp_path: Path) -> None:
    machine(tmp_path, [str(n) for n in range(8)], info="flags\t\t: fpu hypervisor lm")

    facts = linux_facts(tmp_path, ALL)

    assert not facts.topology_known
    assert advise(facts).threads == 8


def test_a_guest_that_tells_its_topology_is_believed(tmp_path: Path) -> None:
    machine(tmp_path, paired(4), info="flags\t\t: fpu hypervisor lm")

    facts = linux_facts(tmp_path, ALL)

    assert facts.topology_known
    assert advise(facts).threads == 4


def test_a_machine_without_topology_files_hides_it(tmp_path: Path) -> None:
    machine(tmp_path, [], online="0-3")

    facts = linux_facts(tmp_path, ALL)

    assert (facts.cores(), facts.topology_known) == (4, False)


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        # Version 2, seen from inside a container, and from a service of the host.
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2.0),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, None),
        ({"proc/self/cgroup": "0::/"}, None),
        (
            {
                "proc/self/cgroup": "0::/system.slice/worker.service",
                "sys/fs/cgroup/system.slice/worker.service/cpu.max": "max 100000",
                "sys/fs/cgroup/system.slice/cpu.max": "150000 100000",
            },
            1.5,
        ),
        # The smallest on the way up is the one that bites.
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000",
                "sys/fs/cgroup/a/cpu.max": "300000 100000",
            },
            3.0,
        ),
        # Version 1, where a container names the host's path but sees its own group at the top.
        (
            {
                "proc/self/cgroup": "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            None,
        ),
        # A path that leads out of what is mounted is not followed.
        ({"proc/self/cgroup": "0::/../..", "cpu.max": "100000 100000"}, None),
    ],
)
def test_the_quota_of_a_container(
    tmp_path: Path, files: dict[str, str], limit: float | None
) -> None:
    machine(tmp_path, paired(64))
    write(tmp_path, files)

    facts = linux_facts(tmp_path, ALL)

    assert facts.container_cpus == limit
    assert advise(facts).threads == (int(limit) if limit else 64)


def test_no_such_tree_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="online"):
        linux_facts(tmp_path, ALL)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0-3,8,10-11\n", [0, 1, 2, 3, 8, 10, 11]), ("0", [0]), ("", []), ("\n", [])],
)
def test_lists_of_cpus(text: str, numbers: list[int]) -> None:
    assert parse_cpu_list(text) == numbers
