"""A hand-made application on a free port of loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from refrain_sidecar.http.listener import listener


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """Serve `app` while the block runs; gives its base URL."""
    with listener("127.0.0.1", 0) as sock:
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[sock]))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        server.should_exit = True
        await running
