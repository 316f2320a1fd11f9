"""Fill extension/bundled/libs with what the sidecar needs on one platform: a folder for PYTHONPATH.

It holds the two packages, their locked dependencies (pure Python) and psutil's wheel, which is
built against Python's stable ABI, so that one folder serves every Python from 3.11 on.

    python extension/scripts/bundle_sidecar.py --target linux-x64
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "extension" / "bundled"
PACKAGES = (ROOT / "cache" / "refrain_cache", ROOT / "sidecar" / "refrain_sidecar")
OLDEST_PYTHON = "3.11"

# VS Code's names of platforms, and the wheels each one can load.
WHEELS = {
    "linux-x64": ("manylinux2014_x86_64", "manylinux_2_12_x86_64", "manylinux_2_17_x86_64"),
    "linux-arm64": ("manylinux2014_aarch64", "manylinux_2_17_aarch64"),
    "alpine-x64": ("musllinux_1_1_x86_64", "musllinux_1_2_x86_64"),
    "alpine-arm64": ("musllinux_1_1_aarch64", "musllinux_1_2_aarch64"),
    "darwin-x64": ("macosx_10_9_x86_64", "macosx_11_0_x86_64"),
    "darwin-arm64": ("macosx_11_0_arm64",),
    "win32-x64": ("win_amd64",),
    "win32-arm64": ("win_arm64",),
}

NATIVE = {".so", ".pyd", ".dylib", ".dll", ".exe", ".a", ".lib"}
# Nothing imports them at run time; RECORD would list files that are pruned.
PRUNED_FOLDERS = {"__pycache__", "tests", "bin", "Scripts", "share"}
PRUNED_FILES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL"}


def locked(lock: str, roots: Iterable[str]) -> dict[str, str]:
    """Of a lock, the requirements that `roots` bring in: name → pin with hashes.

    Follows the lock's own "via" notes. Markers are dropped: the folder serves every Python and the
    markers would be judged by the one that builds it.
    """
    pins: dict[str, str] = {}
    asked_by: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        found = re.match(r"([A-Za-z0-9._-]+)==(\S+)", block)
        if found is None:
            continue
        name = _normal(found[1])
        hashes = " ".join(re.findall(r"--hash=\S+", block))
        pins[name] = f"{found[1]}=={found[2]} {hashes}"
        notes = re.findall(r"#\s+(?:via\s+)?(\S+)", block)
        asked_by[name] = {_normal(note) for note in notes if note != "via"}
    needed = {_normal(root) for root in roots}
    missing = needed - pins.keys()
    if missing:
        raise SystemExit(f"requirements.lock lacks {', '.join(sorted(missing))}: make it anew.")
    while more := {name for name in pins if name not in needed and asked_by[name] & needed}:
        needed |= more
    return {name: pins[name] for name in sorted(needed)}


def roots_of(project: Mapping[str, Any]) -> list[str]:
    """The names of what pyproject.toml's `project` depends on."""
    return [re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0] for need in project["dependencies"]]


def bundle(target: str) -> None:
    """Build bundled/libs for `target`, in place of what was there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = locked(lock, [*roots_of(project), "pip"])
    libs = BUNDLED / "libs"
    shutil.rmtree(libs, ignore_errors=True)
    _install(pins, target, libs)
    _prune(libs, windows=target.startswith("win32"))
    for package in PACKAGES:
        shutil.copytree(
            package, libs / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    schema = ROOT / "config" / "perf_config.schema.json"
    shutil.copy(schema, libs / "refrain_sidecar" / schema.name)
    _check(libs)
    size = sum(file.stat().st_size for file in libs.rglob("*") if file.is_file())
    print(f"{target}: {len(pins)} distributions and 2 packages, {size / 2**20:.1f} MiB")


def _install(pins: dict[str, str], target: str, libs: Path) -> None:
    platforms = [flag for wheel in WHEELS[target] for flag in ("--platform", wheel)]
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("\n".join(pins.values()) + "\n", "utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile"),
                *("--python-version", OLDEST_PYTHON, "--implementation", "cp", *platforms),
                *("--target", str(libs), "-r", str(requirements)),
            ],
            check=True,
        )


def _prune(libs: Path, *, windows: bool) -> None:
    if not windows:  # what pip makes commands of on Windows
        for launcher in (libs / "pip").rglob("*.exe"):
            launcher.unlink()
    for path in sorted(libs.rglob("*"), reverse=True):
        if path.is_dir() and path.name in PRUNED_FOLDERS:
            shutil.rmtree(path)
        elif path.name in PRUNED_FILES and path.parent.name.endswith(".dist-info"):
            path.unlink()


def _check(libs: Path) -> None:
    """Only psutil may be native: anything else would tie the folder to one version of Python.

    pip's launchers for Windows are no part of any Python and may stay there.
    """
    native = [file.relative_to(libs) for file in libs.rglob("*") if file.suffix in NATIVE]
    wrong = [str(file) for file in native if file.parts[0] != "psutil" and file.suffix != ".exe"]
    if wrong:
        raise SystemExit(f"Only psutil may bring native files, but there are also {wrong}.")
    if not any(".abi3" in file.name or file.suffix == ".pyd" for file in native):
        raise SystemExit("psutil's native module is missing from the bundle.")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--target", choices=sorted(WHEELS))
    asked.add_argument("--list", action="store_true", help="say which targets there are")
    given = parser.parse_args()
    if given.list:
        print("\n".join(WHEELS))
    else:
        bundle(given.target)
