"""What of the embedded engine is installed here."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from attrs import frozen

from refrain_sidecar.inference.manifest import engine_dir, manifest, weights_path


@frozen
class Installed:
    """An engine and weights that are ready to run.

    `engine_dir` goes on `sys.path`; None when the engine is a package of this Python. `digest` is
    the weights' SHA-256 in hex, `bytes` their size.
    """

    model: str
    digest: str
    weights: Path
    bytes: int
    engine_version: str
    engine_dir: Path | None


def installed() -> Installed | None:
    """What `fetch` has brought (or this Python has), None if anything is missing. Under 10 ms."""
    weights = manifest().weights
    path = weights_path()
    engine = engine_installed()
    if engine is None or not _is_whole(path, weights.bytes):
        return None
    version, folder = engine
    return Installed(
        model=weights.model,
        digest=weights.sha256,
        weights=path,
        bytes=weights.bytes,
        engine_version=version,
        engine_dir=folder,
    )


def engine_installed() -> tuple[str, Path | None] | None:
    """The pinned engine's version and folder (None: this Python's own), None if it is missing."""
    engine = manifest().engine
    try:
        # Another version is not used: it may read parameters another way, and a fingerprint
        # names the version.
        if metadata.version(engine.name) == engine.version:
            return engine.version, None
    except metadata.PackageNotFoundError:
        pass
    folder = engine_dir()
    return (engine.version, folder) if (folder / engine.name).is_dir() else None


def _is_whole(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
