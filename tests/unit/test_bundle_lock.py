"""What of the lock goes into the VSIX."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

LOCK = """\
certifi==1.0 \\
    --hash=sha256:aa
    # via
    #   httpcore
    #   httpx
colorama==0.4 ; sys_platform == 'win32' \\
    --hash=sha256:bb
    # via pytest
httpcore==1.1 ; python_full_version < '3.13' \\
    --hash=sha256:cc \\
    --hash=sha256:dd
    # via httpx
httpx==0.28 \\
    --hash=sha256:ee
    # via refrain-cache (pyproject.toml)
pytest==9.0 \\
    --hash=sha256:ff
    # via refrain-cache (pyproject.toml)
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "extension" / "scripts" / "bundle_sidecar.py"
    spec = importlib.util.spec_from_file_location("bundle_sidecar", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_takes_what_the_roots_bring_in_and_no_development_tool(script: ModuleType) -> None:
    assert list(script.locked(LOCK, ["httpx"])) == ["certifi", "httpcore", "httpx"]


def test_keeps_every_hash_and_drops_markers(script: ModuleType) -> None:
    pins = script.locked(LOCK, ["HTTPX"])
    assert pins["httpcore"] == "httpcore==1.1 --hash=sha256:cc --hash=sha256:dd"


def test_names_what_the_lock_lacks(script: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"requirements\.lock lacks numpy"):
        script.locked(LOCK, ["httpx", "numpy"])


def test_the_real_lock_gives_the_sidecar_pip_and_nothing_native_but_psutil(
    script: ModuleType,
) -> None:
    pins = script.locked(
        (ROOT / "requirements.lock").read_text("utf-8"), ["pygls", "psutil", "pip"]
    )
    assert {"attrs", "cattrs", "lsprotocol", "pip", "psutil", "pygls"} <= pins.keys()
    assert pins.keys().isdisjoint({"mypy", "pytest", "ruff", "xllamacpp"})
    assert pins.keys().isdisjoint(
        {"backports-zstd", "httptools", "mcp", "pydantic", "pydantic-core"}
    )


def test_extension_and_packages_carry_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    manifest = (ROOT / "extension" / "package.json").read_text("utf-8")
    assert f'"version": "{project["version"]}"' in manifest
