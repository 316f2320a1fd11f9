"""Serve one client on stdio until it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from attrs import evolve
from mcp.server.stdio import stdio_server

from refrain_sidecar.enrichment.recipes.finding import folders_here
from refrain_sidecar.mcp.server import McpServer
from refrain_sidecar.service.background import Background
from refrain_sidecar.service.service import Service

LOG = logging.getLogger("refrain")

# Clients wait two seconds after they have closed stdin, and then kill.
CLOSE_SECONDS = 1.5


def main(config: Path | None) -> None:
    """Serve stdio with the configuration `config`. Ends the process itself."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        force=True,
    )
    # Below that it tells of what clients do wrong, sometimes in their words.
    logging.getLogger("mcp").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(_serve(config))


async def _serve(config: Path | None) -> None:
    folders = folders_here()
    if not folders.workspaces:  # the first recipe may be made while this runs
        folders = evolve(folders, workspaces=(Path.cwd(),))
    service = Service(config, folders)
    await service.open()
    server, background = McpServer(service, Path.cwd()), Background()
    for sign in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(
                sign, lambda: background.start(_leave(service), "Leaving")
            )
    background.start(server.follow_recipes(), "Following the recipes")
    status = 0
    try:
        # From here on only the protocol can reach stdout: fd 1 is stderr, for children as well.
        async with stdio_server() as (reader, writer):
            await server.sdk.run(reader, writer, server.options)
    except* OSError:
        pass  # nobody reads any more
    except* Exception as group:
        LOG.error("The MCP server failed: %r", group.exceptions)
        status = 1
    await _leave(service, status)


async def _leave(service: Service, status: int = 0) -> NoReturn:
    """Flush the cache, stop the engine, end: a thread may still wait for a line of stdin."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(service.close(), CLOSE_SECONDS)
    logging.shutdown()
    os._exit(status)
