"""A folder with a configuration and a cache of its own, and `refrain` run in it as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from refrain_cache import Cache, read_cache_settings


@frozen
class Run:
    """How a command ended and what it said; `out` and `err` as text."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@frozen
class Home:
    """A folder that `refrain` is run in."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config" / "perf_config.json"

    @property
    def database(self) -> Path:
        return self.folder / "cache" / "perf_cache.db"

    def configure(self, **caching: Any) -> None:
        """Write a configuration whose cache is in this folder and as `caching` says."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        sections = {"caching": {"cache_dir": "./cache", **caching}}
        self.config.write_text(json.dumps(sections), encoding="utf-8")

    def cache(self) -> Cache:
        """The cache that commands run here use, opened in this process."""
        return Cache(read_cache_settings(self.config))

    def refrain(self, *arguments: str | Path, answer: str = "", **environment: str) -> Run:
        """Run the command to its end, `answer` on its standard input.

        A byte that is no UTF-8 is a half character here (`\\udcff` for 0xff), both ways.
        """
        done = subprocess.run(
            [sys.executable, "-m", "refrain_sidecar.cli", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "80", **environment},
            input=answer,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=120,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.configure()
    return made


@pytest.fixture
def other_home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "other")
    made.configure()
    return made
