"""Build the Ollama that the tests run, into .tools/ollama. Says nothing when there is one.

    python -m tests.ollama.build

An Ollama that is here already is used instead (see `binary.py`). What is built is its release,
with the runner it carries itself; from 0.30 on it needs an external one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
from pathlib import Path

from tests.ollama import go
from tests.ollama.binary import BUILT, NoOllama, already_here
from tests.ollama.headers import install_system_packages
from tests.ollama.steps import StepFailed, run

# Its go.sum pins everything it is made of.
OLLAMA = go.Module(
    "github.com/ollama/ollama", "v0.24.0", "h1:CBZ0ffE+cxMWRWau5yD5vXHkiZHAeuxLk+3j55u0XxQ="
)
# Ollama's module leaves out three headers of others. Debian packages two of them; this has
# the third, miniaudio.h.
MALGO = go.Module(
    "github.com/gen2brain/malgo", "v0.11.24", "h1:hHcIJVfzWcEDHFdPl5Dl/CUSOjzOleY0zzAV8Kx+imE="
)
NUMBER = OLLAMA.version.removeprefix("v")
FOLDER = BUILT.parent
# A line of Go's output that is no warning of the C compiler's.
_PACKAGE = re.compile(r"[\w./@~-]+")


def build() -> None:
    """Build it unless it is there. Raises StepFailed, NoOllama."""
    recipe = f"{OLLAMA}\n{compiler_flags()}\n"
    stamp = FOLDER / "recipe.txt"
    if already_here() or (BUILT.exists() and stamp.exists() and stamp.read_text("utf-8") == recipe):
        return
    print(f"The tests run a real Ollama, and there is none here: building {NUMBER}", flush=True)
    install_system_packages()
    program = go.go()
    print("Fetching its source …", flush=True)
    source = go.fetch(program, OLLAMA)
    headers = FOLDER / "include"
    (headers / "miniaudio").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(go.fetch(program, MALGO) / "miniaudio.h", headers / "miniaudio" / "miniaudio.h")
    unfinished = FOLDER / "ollama.part"
    run(
        "Compiling it (6 minutes on two cores; seconds when Go’s build cache has it)",
        (
            *(program, "build", "-C", source, "-v", "-mod=readonly", "-buildvcs=false"),
            *("-ldflags", f"-s -w -X {OLLAMA.path}/version.Version={NUMBER}"),
            *("-o", unfinished, "."),
        ),
        "ollama",
        env={
            **go.environment(),
            "CPATH": os.pathsep.join(filter(None, (str(headers), os.environ.get("CPATH")))),
            "CGO_CFLAGS": compiler_flags(),
            "CGO_CXXFLAGS": compiler_flags(),
        },
        tell=_packages,
    )
    unfinished.replace(BUILT)
    stamp.write_text(recipe, "utf-8")


def _packages(said: list[str]) -> str:
    """How far it is: `go build -v` names each package as it begins with it."""
    begun = [line for line in said if _PACKAGE.fullmatch(line)]
    return f"{len(begun)} packages so far, now {begun[-1]}" if begun else said[-1]


def compiler_flags() -> str:
    """What the C and C++ in it is compiled with, for this processor.

    Without them it gives a third of the tokens a second. Go's build cache tells builds apart by
    their flags, and `native` is a word that means something else on another processor: so the
    processor is in them too.
    """
    return f"-O3 -march=native -DBUILT_FOR_{_processor()}"


def _processor() -> str:
    """A short name for what this processor can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    able = {line for line in lines if line.startswith(("model name", "flags", "Features"))}
    said = "\n".join([platform.machine(), platform.processor(), *sorted(able)])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


if __name__ == "__main__":
    try:
        build()
    except (StepFailed, NoOllama) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Not built: `make ollama` goes on from what is compiled.")
