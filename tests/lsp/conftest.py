"""A workspace with a configuration of its own, and the sidecar started on it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SIDECAR = [sys.executable, "-m", "refrain_sidecar"]

MakeWorkspace = Callable[..., Path]


@pytest.fixture
def make_workspace(tmp_path: Path) -> MakeWorkspace:
    """Write `config/perf_config.json` with the given sections; returns the workspace folder."""

    def make(**sections: dict[str, Any]) -> Path:
        path = tmp_path / "config" / "perf_config.json"
        path.parent.mkdir(exist_ok=True)
        sections = {"caching": {"cache_dir": "./cache"}, **sections}
        path.write_text(json.dumps(sections), encoding="utf-8")
        return tmp_path

    return make
