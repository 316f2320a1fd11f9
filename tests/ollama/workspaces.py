"""A folder with a configuration that names a real Ollama, and the product run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.ollama.serving import MODEL, RealOllama

REFRAIN = (sys.executable, "-m", "refrain_sidecar.cli")


def workspace(folder: Path, ollama: RealOllama, **inference: Any) -> Path:
    """Write the configuration and return its path; the cache is in `folder` too.

    `inference` replaces what is asked for otherwise: this Ollama and no other engine.
    """
    config = folder / "config" / "perf_config.json"
    config.parent.mkdir(parents=True)
    asked = {"engine": "ollama", "base_url": ollama.base_url, "model": MODEL, "num_threads": 1}
    written = {"inference": asked | inference, "caching": {"cache_dir": "./cache"}}
    config.write_text(json.dumps(written), encoding="utf-8")
    return config


def run(config: Path, *command: str | Path) -> str:
    """What a command prints that is run under `config` and has to end well."""
    done = subprocess.run(
        command,
        cwd=config.parents[1],
        env={**os.environ, "REFRAIN_CONFIG": str(config)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def refrain(config: Path, *arguments: str | Path) -> str:
    """`run` of the command line."""
    return run(config, *REFRAIN, *arguments)
