"""How MCP hosts are told of our server: in files of theirs, where all else stays as it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import get_args

import pytest

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.protocol import McpFile, McpParams, McpResult
from refrain_sidecar.service.mcp_hosts import mcp_host


def write(folder: Path, file: McpFile = ".mcp.json", config: Path | None = None) -> McpResult:
    return mcp_host(config, McpParams(str(folder), file))


def test_nothing_is_written_unless_asked(tmp_path: Path) -> None:
    result = mcp_host(None, McpParams(str(tmp_path)))
    assert result.installed
    assert result.written is None
    assert result.command == sys.executable
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", get_args(McpFile))
def test_each_file_gets_the_server_under_its_own_name(tmp_path: Path, file: McpFile) -> None:
    result = write(tmp_path, file)
    assert result.written == str(tmp_path / file)
    held = json.loads((tmp_path / file).read_text())
    section = "servers" if file == ".vscode/mcp.json" else "mcpServers"
    assert held == {
        section: {
            "refrain": {
                "type": "stdio",
                "command": sys.executable,
                "args": ["-m", "refrain_sidecar.cli", "mcp"],
                "env": {"PYTHONSAFEPATH": "1"},
            }
        }
    }


def test_what_is_in_a_file_stays_to_the_letter(tmp_path: Path) -> None:
    path = tmp_path / ".mcp.json"
    theirs = '"other":   {"command": "x", "args": [1e3, "é"]}'
    path.write_bytes(f'{{\r\n "note": 1,\r\n "mcpServers": {{\r\n  {theirs}\r\n }}\r\n}}'.encode())
    write(tmp_path)
    once = path.read_bytes().decode()
    assert theirs in once
    assert json.loads(once)["mcpServers"].keys() == {"refrain", "other"}
    write(tmp_path)
    assert path.read_bytes().decode() == once


def test_an_older_entry_of_ours_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / ".mcp.json"
    path.write_text('{"mcpServers": {"refrain": {"command": "old"}, "b": {}}}')
    write(tmp_path)
    held = json.loads(path.read_text())["mcpServers"]
    assert held["refrain"]["command"] == sys.executable
    assert held["b"] == {}


def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text("\n")
    write(tmp_path)
    assert "refrain" in json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]


@pytest.mark.parametrize(
    "text",
    [
        '{"servers": {} // mine\n}',
        "[]",
        '{"servers": []}',
        '{"servers": "none"}',
        '{"a": 1, "a": 2}',
    ],
)
def test_a_file_that_cannot_be_added_to_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".vscode" / "mcp.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputRefused, match=r'Add to its "servers": "refrain": \{') as caught:
        write(tmp_path, ".vscode/mcp.json")
    assert str(path) in str(caught.value)
    assert path.read_text() == text


def test_a_file_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / ".vscode").write_text("a file where the folder should be")
    with pytest.raises(InputRefused, match="cannot be written"):
        write(tmp_path, ".vscode/mcp.json")


def test_a_configuration_that_would_not_be_found_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config" / "perf_config.json"
    config.parent.mkdir()
    config.write_text("{}")
    assert "--config" not in write(tmp_path, config=config).args
    elsewhere = tmp_path / "mine.json"
    elsewhere.write_text("{}")
    args = write(tmp_path, config=elsewhere).args
    assert args == ["-m", "refrain_sidecar.cli", "--config", str(elsewhere), "mcp"]
