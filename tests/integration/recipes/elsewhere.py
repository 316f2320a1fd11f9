"""A recipe from everywhere but the editor:
`python -m tests.integration.recipes.elsewhere FOLDER RECIPE TEXT`.

Runs it in the workspace FOLDER from the command line, a worker, the queue (on a real Redis),
Python, MCP and the language server, one after the other, and prints a JSON object for each: where,
the answer, and how it came about.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from lsprotocol import types
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from pygls.lsp.client import BaseLanguageClient
from tests.redis.programs import KINDS
from tests.redis.serving import serving

REFRAIN = [sys.executable, "-m", "refrain_sidecar.cli"]
SIDECAR = [sys.executable, "-m", "refrain_sidecar"]
BY_PYTHON = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from refrain_sidecar.enrichment import Recipe
sys.stdout.write(Recipe(sys.argv[1]).run(sys.argv[2]))
"""
_LOGGED = re.compile(r"\[CACHE (\w+)\] Recipe")
_PATIENCE_S = 300.0


@frozen
class Came:
    """An answer, and how it came about: hit, miss …"""

    where: str
    output: Any
    outcome: str


async def everywhere(folder: Path, recipe: str, text: str) -> AsyncIterator[Came]:
    """Run it in one place after the other."""
    for place in (command_line, worker, queue, python, mcp, language_server):
        yield await asyncio.wait_for(place(folder, recipe, text), _PATIENCE_S)


async def command_line(folder: Path, recipe: str, text: str) -> Came:
    out, _ = await _ran([*REFRAIN, "run", recipe, "--json"], folder, text)
    result = json.loads(out)
    return Came("command line", result["output"], result["outcome"])


async def worker(folder: Path, recipe: str, text: str) -> Came:
    line = json.dumps({"rid": 1, "normalized_text": text})
    out, said = await _ran([*REFRAIN, "worker", "--recipe", recipe], folder, line)
    return Came("worker", json.loads(out)["output"], _logged(said))


async def queue(folder: Path, recipe: str, text: str) -> Came:
    """A worker of the queue in this folder, and one who submits to it."""
    config = folder / "config" / "perf_config.json"
    before = config.read_text("utf-8")
    sections = json.loads(before)
    with serving(KINDS[0]) as server:
        caching = {**sections.get("caching", {}), "shared": {"url": server.url}}
        config.write_text(json.dumps({**sections, "caching": caching}), "utf-8")
        try:
            working = await _started([*REFRAIN, "worker", "--queue"], folder)
            line = json.dumps({"rid": 1, "normalized_text": text})
            out, _ = await _ran([*REFRAIN, "submit", "-", "--recipe", recipe], folder, line)
            working.send_signal(signal.SIGTERM)
            _, said = await working.communicate()
        finally:
            config.write_text(before, "utf-8")
    return Came("queue", json.loads(out)["output"], _logged(said.decode()))


async def python(folder: Path, recipe: str, text: str) -> Came:
    out, said = await _ran([sys.executable, "-c", BY_PYTHON, recipe, text], folder, "")
    return Came("Python", out, _logged(said))


async def mcp(folder: Path, recipe: str, text: str) -> Came:
    server = StdioServerParameters(
        command=REFRAIN[0], args=[*REFRAIN[1:], "mcp"], cwd=folder, env=dict(os.environ)
    )
    async with Client(server) as client:
        answer = await client.call_tool("run_recipe", {"recipe": recipe, "text": text})
    result: dict[str, Any] = answer.structured_content or {}
    return Came("MCP", result["output"], result["outcome"])


async def language_server(folder: Path, recipe: str, text: str) -> Came:
    client = BaseLanguageClient("elsewhere", "1")
    await client.start_io(*SIDECAR)
    root = types.InitializeParams(types.ClientCapabilities(), root_uri=folder.as_uri())
    await client.initialize_async(root)
    client.initialized(types.InitializedParams())
    asked = {"recipe": recipe, "text": text}
    result = await client.protocol.send_request_async("refrain/run", asked)
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return Came("language server", result.output, result.outcome)


def _logged(said: str) -> str:
    found = _LOGGED.findall(said)
    assert len(found) == 1, said
    return str(found[0]).lower()


async def counted(folder: Path) -> dict[str, Any]:
    """What the statistics of all time say of recipes."""
    out, _ = await _ran([*REFRAIN, "stats", "--window", "all", "--json"], folder, "")
    (kind,) = (each for each in json.loads(out)["kinds"] if each["kind"] == "recipe")
    found: dict[str, Any] = kind
    return found


async def _ran(command: Sequence[str], folder: Path, given: str) -> tuple[str, str]:
    process = await _started(command, folder)
    out, said = await process.communicate(given.encode())
    assert process.returncode == 0, said.decode()
    return out.decode(), said.decode()


async def _started(command: Sequence[str], folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "COLUMNS": "300"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def _main(folder: Path, recipe: str, text: str) -> None:
    async for came in everywhere(folder, recipe, text):
        said = {"where": came.where, "output": came.output, "outcome": came.outcome}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]))
