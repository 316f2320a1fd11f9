"""`refrain mcp` without its extra, and what it writes for hosts."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

import refrain_cache
import refrain_sidecar

REFRAIN = ["-m", "refrain_sidecar.cli", "mcp"]
DOCS = Path(__file__).parents[3] / "docs" / "mcp.md"
# What the extra brings, and is heavy.
EXTRA = ("mcp", "pydantic")


@pytest.fixture
def without_extra(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python whose packages are this one's but for the extra."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(EXTRA):
            (packages / path.name).symlink_to(path)
    ours = [Path(package.__file__ or "").parents[1] for package in (refrain_cache, refrain_sidecar)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*ours, packages)))}


@pytest.mark.parametrize("arguments", [[], ["--write-config"]])
def test_without_the_extra_it_says_how_to_install_it(
    tmp_path: Path, without_extra: dict[str, str], arguments: list[str]
) -> None:
    # -S: without the packages this Python really has.
    run = subprocess.run(
        [sys.executable, "-S", *REFRAIN, *arguments],
        cwd=tmp_path,
        env=without_extra,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("refrain: The MCP server needs the extra `mcp`")
    assert "-m pip install 'refrain-cache[mcp]'" in run.stderr
    assert not (tmp_path / ".mcp.json").exists()


def test_the_rest_never_imports_what_the_extra_brings() -> None:
    code = (
        "import sys, refrain_sidecar.cli.main, refrain_sidecar.lsp.server;"
        "print([name for name in sys.modules if name.partition('.')[0] in ('mcp', 'pydantic')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert run.stdout.strip() == b"[]"


@pytest.mark.parametrize("arguments", [["--write-config"], ["--write-config", ".vscode/mcp.json"]])
def test_what_is_written_starts_the_server(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "config").mkdir()
    config = {"caching": {"cache_dir": "./cache"}}
    (tmp_path / "config" / "perf_config.json").write_text(json.dumps(config))
    # A workspace's own modules are not taken for the SDK's.
    (tmp_path / "mcp.py").write_text("raise SystemExit('imported from the workspace')")
    written = subprocess.run(
        [sys.executable, *REFRAIN, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout.strip()
    assert Path(written) == tmp_path / arguments[-1].replace("--write-config", ".mcp.json")
    (servers,) = json.loads(Path(written).read_text()).values()
    stats = asyncio.run(ask(servers["refrain"], tmp_path))
    assert stats.structured_content["state"]["path"] == str(tmp_path / "cache" / "perf_cache.db")


def test_what_the_docs_say_starts_the_server(tmp_path: Path) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (servers,) = json.loads(block).values()
    server = servers["refrain"]
    # As on a PATH that has it.
    server["command"] = str(Path(sys.executable).with_name(server["command"]))
    assert not asyncio.run(ask(server, tmp_path)).is_error


async def ask(server: dict[str, Any], folder: Path) -> Any:
    """What `stats` answers of a server that is started as a host's file says."""
    how = StdioServerParameters(
        command=server["command"],
        args=server["args"],
        env={**os.environ, **server["env"]},
        cwd=folder,
    )
    async with Client(how) as client:
        return await client.call_tool("stats", {})
