"""Which Ollama the tests run: one that is here already, else the one `make ollama` built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / ".tools"
BUILT = TOOLS / "ollama" / "ollama"
# Names a binary that is to be used whatever else there is.
VARIABLE = "REFRAIN_TEST_OLLAMA"
# The first that gives log-probabilities.
OLDEST = (0, 12, 11)


class NoOllama(Exception):
    """There is none to run; the message says what to do."""


def binary() -> Path:
    """The Ollama to run. Raises NoOllama."""
    found = already_here() or BUILT
    if not found.is_file():
        raise NoOllama(f"These tests run a real Ollama, and {found} is none: run `make ollama`.")
    return found


def already_here() -> Path | None:
    """$REFRAIN_TEST_OLLAMA, else an `ollama` on PATH that is new enough.

    Raises NoOllama when the variable names no program.
    """
    if named := os.environ.get(VARIABLE):
        if not os.access(named, os.X_OK):
            raise NoOllama(f"{VARIABLE} is {named!r}, which is no program that could be run.")
        return Path(named).absolute()
    on_path = shutil.which("ollama")
    return Path(on_path) if on_path and version(Path(on_path)) >= OLDEST else None


def version(program: Path) -> tuple[int, ...]:
    """The version an Ollama says it has, () if it says none."""
    # It asks a server first; at port 1 there is none, so that it tells its own.
    said = subprocess.run(
        [program, "--version"],
        env={**os.environ, "OLLAMA_HOST": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = re.search(r"version is (\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()
