"""How many CPUs a container may use: the quota of its cgroup, version 2 or 1.

A quota is enforced by stopping all threads for the rest of each period, so it does not show in the
affinity. CPU sets do, and need no look here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from refrain_sidecar.cpu.tree import text_of

_V1_MOUNTS = ("cpu,cpuacct", "cpuacct,cpu", "cpu")


def quota(root: Path) -> float | None:
    """The smallest limit in CPUs from this process's cgroup up to the top; None without one."""
    mount = root / "sys/fs/cgroup"
    limits = []
    for controllers, path in _own_groups(root):
        if not controllers:
            limits += [_v2(folder) for folder in _upwards(mount, path)]
        elif "cpu" in controllers.split(","):
            for name in _V1_MOUNTS:
                limits += [_v1(folder) for folder in _upwards(mount / name, path)]
    return min((limit for limit in limits if limit is not None), default=None)


def _own_groups(root: Path) -> Iterator[tuple[str, str]]:
    """Pairs of controllers (empty for version 2) and path, from /proc/self/cgroup."""
    text = text_of(root / "proc/self/cgroup")
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        yield controllers, path


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """The group's folder and its parents up to the mount.

    In a container the path may be the host's, of which nothing is mounted but the top.
    """
    inner = PurePosixPath(path.lstrip("/"))
    for part in (inner, *inner.parents):
        if ".." not in part.parts:
            yield mount / part


def _v2(folder: Path) -> float | None:
    match text_of(folder / "cpu.max").split():
        case [quota_us, period_us] if quota_us != "max":
            return _share(quota_us, period_us)
    return None


def _v1(folder: Path) -> float | None:
    return _share(text_of(folder / "cpu.cfs_quota_us"), text_of(folder / "cpu.cfs_period_us"))


def _share(quota_us: str, period_us: str) -> float | None:
    try:
        quota_value, period_value = int(quota_us), int(period_us)
    except ValueError:
        return None  # the files are not there: the group sets no limit
    return quota_value / period_value if quota_value > 0 and period_value > 0 else None
