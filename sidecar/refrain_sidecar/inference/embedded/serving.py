"""Serving the embedded engine on loopback, as a child process or in the foreground."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import TextIO

import uvicorn

from refrain_sidecar.http.awaited_server import AwaitedServer
from refrain_sidecar.http.listener import listener
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
    *, num_threads: int, num_ctx: int, key: str | None, port: int, on_ready: Callable[[str], None]
) -> None:
    """Serves until interrupted; `on_ready` gets the base URL. `port` 0 takes a free one.

    Every request has to bring `key` as a bearer token; None: none is asked for.
    Raises NotInstalled, and OSError when the port is taken.
    """
    found = installed()
    if found is None:
        raise NotInstalled
    asyncio.run(_serve(found, Loading(num_ctx, num_threads), key, port, on_ready))


def guard_stdout() -> TextIO:
    """Gives fd 1 to stderr, so that native code cannot write into it; returns the real stdout."""
    real = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return real


async def _serve(
    found: Installed, default: Loading, key: str | None, port: int, on_ready: Callable[[str], None]
) -> None:
    if found.engine_dir is not None:
        sys.path.insert(0, str(found.engine_dir))
    catalogue = Catalogue.of(found)
    residency = Residency(found.weights)
    sock = listener(HOST, port)
    config = uvicorn.Config(
        application(catalogue, residency, default, key),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    # Failures are told by `failure_of`; a traceback for each answer that Ctrl-C ends helps nobody.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server = AwaitedServer(config)
    with sock:
        base_url = f"http://{HOST}:{sock.getsockname()[1]}"
        running = asyncio.create_task(server.serve(sockets=[sock]))
        # The socket listens already: a request that comes before uvicorn runs waits for it.
        on_ready(base_url)
        log.info("serving %s on %s", found.model, base_url)
        try:
            await running
        finally:
            await residency.unload()
