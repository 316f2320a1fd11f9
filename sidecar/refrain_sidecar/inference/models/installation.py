"""What of the embedded engine is installed here."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from attrs import frozen

from refrain_sidecar.inference.models.manifest import Manifest, engine_dir, manifest, weights_path


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


def installed(wanted: Manifest | None = None) -> Installed | None:
    """What `fetch` has brought (or this Python has), None if anything is missing. Under 10 ms.

    Files are not hashed again: `fetch` put them there in one step, after checking them.
    """
    wanted = wanted or manifest()
    weights = wanted.weights
    engine = engine_installed(wanted)
    if engine is None or not weights_installed(wanted):
        return None
    version, folder = engine
    return Installed(
        model=weights.model,
        digest=weights.sha256,
        weights=weights_path(wanted),
        bytes=weights.bytes,
        engine_version=version,
        engine_dir=folder,
    )


def engine_installed(wanted: Manifest) -> tuple[str, Path | None] | None:
    """The pinned engine's version and folder (None: this Python's own), None if it is missing."""
    engine = wanted.engine
    try:
        # Another version is not used: it may read parameters another way, and a fingerprint
        # names the version.
        if metadata.version(engine.name) == engine.version:
            return engine.version, None
    except metadata.PackageNotFoundError:
        pass
    folder = engine_dir(wanted)
    return (engine.version, folder) if (folder / engine.name).is_dir() else None


def weights_installed(wanted: Manifest) -> bool:
    """Whether the pinned weights are there, to the byte."""
    try:
        return weights_path(wanted).stat().st_size == wanted.weights.bytes
    except OSError:
        return False
