"""What a hit costs an MCP host, beside a tool that does nothing: round trips, and their ratios.

    python -m tests.bench.mcp [--rounds 500]

One client process, the SDK's own, asks all of them in turn over stdio; each is another process. The
`barest` tool is the SDK's server with nothing in it but one text; `decorated` is the way most
servers are written. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any

import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server

BARE, DECORATED = "barest tool", "decorated tool"
TEXT = "The cat sat on the mat. It was happy."
HITS: dict[str, dict[str, Any]] = {
    "run_recipe": {"recipe": "summarise", "text": TEXT},
    "enrich": {"text": TEXT},
}


async def bare() -> None:
    """Serve one tool that answers with what it is given, and nothing else."""
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}

    async def tools(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name="echo", input_schema=schema)])

    async def call(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        text = (params.arguments or {})["text"]
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)])

    server = Server("bare", on_list_tools=tools, on_call_tool=call)
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


def decorated() -> None:
    """The same, as the SDK's readme writes it."""
    server = MCPServer("decorated")

    @server.tool()
    def echo(text: str) -> str:
        return text

    server.run("stdio")


async def compare(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").mkdir()
        sections = {
            "inference": {"engine": "embedded"},
            "caching": {"cache_dir": "./cache"},
            "logging": {"level": "warning"},
        }
        (folder / "config" / "perf_config.json").write_text(json.dumps(sections))
        async with AsyncExitStack() as held:

            async def start(*args: str, cwd: str | Path = ".") -> Client:
                how = StdioServerParameters(
                    command=sys.executable, args=list(args), cwd=cwd, env=dict(os.environ)
                )
                return await held.enter_async_context(Client(how))

            ours = await start("-m", "refrain_sidecar.cli", "mcp", cwd=folder)
            asked = {
                BARE: (await start("-m", "tests.bench.mcp", "--bare"), "echo", {"text": TEXT}),
                DECORATED: (
                    await start("-m", "tests.bench.mcp", "--decorated"),
                    "echo",
                    {"text": TEXT},
                ),
                **{f"hit of {tool}": (ours, tool, given) for tool, given in HITS.items()},
            }
            times = await measure(asked, rounds)
    report(times)


async def measure(
    asked: dict[str, tuple[Client, str, dict[str, Any]]], rounds: int
) -> dict[str, list[float]]:
    """Round trips in ms, after two that are not counted: misses, and whatever is first made."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds + 2):
        for name, (client, tool, given) in asked.items():
            began = time.perf_counter()
            result = await client.call_tool(tool, given)
            took = (time.perf_counter() - began) * 1000
            if result.is_error:
                raise RuntimeError(f"{name}: {result.content}")
            if number > 1:
                times[name].append(took)
    return times


def report(times: dict[str, list[float]]) -> None:
    """Of each the median and, as on a machine that does nothing else, the fastest tenth."""
    cuts = {name: quantiles(taken, n=10) for name, taken in times.items()}
    print(f"{'ms':20} {'p50':>8} {'p10':>8} {'p90':>8}   p50 and p10 in those of the {BARE}")
    for name, (p10, *_, p90) in cuts.items():
        p50 = cuts[name][4]
        ratios = f"{p50 / cuts[BARE][4]:8.2f} × {p10 / cuts[BARE][0]:8.2f} ×"
        print(f"{name:20} {p50:8.3f} {p10:8.3f} {p90:8.3f} {ratios}")
    print(json.dumps({name: [round(cut[4], 4), round(cut[0], 4)] for name, cut in cuts.items()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a hit costs an MCP host.")
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--decorated", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        asyncio.run(bare())
    elif given.decorated:
        decorated()
    else:
        asyncio.run(compare(given.rounds))
