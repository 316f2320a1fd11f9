"""Serving the embedded engine on loopback, as a child process or in the foreground."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import TextIO

import uvicorn

from refrain_sidecar.inference.embedded.app import application
from refrain_sidecar.inference.embedded.catalogue import Catalogue
from refrain_sidecar.inference.embedded.llama import Loading
from refrain_sidecar.inference.embedded.residency import Residency
from refrain_sidecar.inference.models.installation import Installed, installed

log = logging.getLogger(__name__)

HOST = "127.0.0.1"


class NotInstalled(Exception):
    """Engine or weights are missing; the message says how to get them."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded engine is not installed. Run `refrain models fetch` to install it."
        )


def serve(
    *, num_threads: int, num_ctx: int, port: int = 0, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serves until interrupted; `on_ready` gets the base URL. `port` 0 takes a free one.

    Raises NotInstalled, and OSError when the port is taken.
    """
    found = installed()
    if found is None:
        raise NotInstalled
    asyncio.run(_serve(found, Loading(num_ctx, num_threads), port, on_ready))


def guard_stdout() -> TextIO:
    """Gives fd 1 to stderr, so that native code cannot write into it; returns the real stdout."""
    real = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return real


def ready_line(base_url: str) -> str:
    """What a child says on stdout once it answers: one line of JSON."""
    return json.dumps({"base_url": base_url}) + "\n"


async def _serve(
    found: Installed, default: Loading, port: int, on_ready: Callable[[str], None] | None
) -> None:
    if found.engine_dir is not None:
        sys.path.insert(0, str(found.engine_dir))
    catalogue = Catalogue.of(found)
    residency = Residency(found.weights)
    listener = socket.create_server((HOST, port))
    config = uvicorn.Config(
        application(catalogue, residency, default),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    server = uvicorn.Server(config)
    with listener:
        base_url = f"http://{HOST}:{listener.getsockname()[1]}"
        running = asyncio.create_task(server.serve(sockets=[listener]))
        if on_ready is not None:
            # The socket listens already: a request that comes before uvicorn runs waits for it.
            on_ready(base_url)
        log.info("serving %s on %s", found.model, base_url)
        await running
    await residency.unload()
