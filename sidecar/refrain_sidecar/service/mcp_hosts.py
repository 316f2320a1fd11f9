"""How other programs (MCP hosts) start `refrain mcp`, and writing that into their files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from refrain_cache import find_config
from refrain_sidecar.config.edit import with_value
from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.protocol import McpFile, McpParams, McpResult

# Under which name each file keeps its servers.
_SECTIONS: dict[McpFile, str] = {
    ".mcp.json": "mcpServers",
    ".cursor/mcp.json": "mcpServers",
    ".vscode/mcp.json": "servers",
}
_NEW = "{\n}\n"


def installed() -> bool:
    """Whether this Python has what the extra `mcp` brings: the SDK's second version."""
    return _version("mcp").startswith("2.")


def how_to_install() -> str:
    """What to say where it has not."""
    return (
        "The MCP server needs the extra `mcp`, which this Python does not have. Install it: "
        f"{sys.executable} -m pip install 'refrain-cache[mcp]'"
    )


def mcp_host(config: Path | None, params: McpParams) -> McpResult:
    """How to start the server for `params.folder`; written into `params.file` there, if named.

    Raises InputRefused where that cannot be done: without the extra, or a file that is not JSON.
    """
    folder = Path(params.folder)
    command, args, env = sys.executable, ["-m", "refrain_sidecar.cli"], {"PYTHONSAFEPATH": "1"}
    found = find_config(folder)
    if config and config.exists() and not (found and config.samefile(found)):
        args += ["--config", str(config.resolve())]
    packages = os.environ.get("PYTHONPATH")
    if packages and not _version("refrain-cache"):  # those of a VSIX
        env["PYTHONPATH"] = packages
    result = McpResult(installed(), command, [*args, "mcp"], env, None)
    if params.file is None:
        return result
    if not result.installed:
        raise InputRefused(how_to_install())
    path = folder / params.file
    server = {"type": "stdio", "command": command, "args": result.args, "env": env}
    try:
        _write(path, _SECTIONS[params.file], server)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise InputRefused(f"{path} cannot be written: {why}.") from error
    except ValueError as error:
        raise InputRefused(
            f"{path} is not plain JSON ({error}), so it was left as it is. Add to its "
            f'"{_SECTIONS[params.file]}": "refrain": {json.dumps(server)}'
        ) from error
    return McpResult(True, command, result.args, env, str(path))


def _write(path: Path, section: str, server: Mapping[str, object]) -> None:
    """Set our entry in one section and change nothing else. Raises ValueError, OSError."""
    text = ""
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    changed = with_value(text if text.strip() else _NEW, section, "refrain", server)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(changed)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
