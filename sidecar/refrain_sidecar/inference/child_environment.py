"""What a Python we start needs to find the packages this process runs from."""

from __future__ import annotations

import os
from pathlib import Path

import refrain_sidecar


def child_environment() -> dict[str, str]:
    """This process's environment, with the folder our package was imported from on the path.

    An installed VSIX carries the package beside its dependencies (pip among them), in a folder
    that only this process's `sys.path` names.
    """
    folder = str(Path(refrain_sidecar.__file__).resolve().parent.parent)
    paths = [folder, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
