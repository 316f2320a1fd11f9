"""What the operating system brings for the build: a compiler and two libraries' headers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.ollama.steps import StepFailed, run


def install_system_packages() -> None:
    """Install the Debian packages that are missing. Raises StepFailed with what to do."""
    missing = [package for package, is_there in _wanted().items() if not is_there]
    if not missing:
        return
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *missing)
    if shutil.which("apt-get") is None:
        raise StepFailed(
            f"What Debian calls {', '.join(missing)} is needed to build Ollama; or install Ollama "
            "itself, and it is used."
        )
    if os.geteuid() != 0:
        raise StepFailed(
            "Debian packages are missing and only root may install them. Run:\n"
            f"  sudo {' '.join(install)}"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("Reading the package lists", ("apt-get", "update"), "ollama-apt-update", env=env)
    run(f"Installing {', '.join(missing)}", install, "ollama-apt-install", env=env)


def _wanted() -> dict[str, bool]:
    """Each package, and whether what is needed of it is here, whoever brought it."""
    folders = [*filter(None, os.environ.get("CPATH", "").split(os.pathsep)), "/usr/include"]
    folders += ["/usr/local/include"]

    def header(name: str) -> bool:
        return any((Path(folder) / name).is_file() for folder in folders)

    return {
        "g++": shutil.which(os.environ.get("CXX", "g++")) is not None,
        "nlohmann-json3-dev": header("nlohmann/json.hpp"),
        "libstb-dev": header("stb/stb_image.h"),
    }
