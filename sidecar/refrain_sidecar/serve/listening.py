"""The proxy as a server in this process's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from refrain_sidecar.http.awaited_server import AwaitedServer
from refrain_sidecar.http.listener import BACKLOG

_HTTP: Any
try:
    from refrain_sidecar.serve.quick_http import QuickHttp as _HTTP
except ImportError:
    # Pure Python, as all that the extension bundles.
    _HTTP = "h11"

# Long enough for replies under way, short enough for Ctrl-C. Streams to the page never end.
_GRACE_S = 1
# Ollama never closes an idle connection: a client may be sending on it at that very moment.
_IDLE_S = 3600
# Of one request's headers: what Ollama allows is a megabyte, what clients send a few kilobytes.
_HEADER_BYTES = 64 * 1024


class _Server(AwaitedServer):
    """It leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _is_news(record: logging.LogRecord) -> bool:
    """False for what asyncio says of each part of a stream whose client has gone."""
    return record.msg != "socket.send() raised exception."


class Listening:
    """Serves `app` on `listener` until stopped."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=_HTTP,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=_GRACE_S,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            backlog=BACKLOG,
        )
        # An answer that breaks off upstream is ended by an exception, which is no news.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        logging.getLogger("asyncio").addFilter(_is_news)
        self._server = _Server(config)
        self._listener = listener
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listener]))

    async def ended(self) -> None:
        """Wait until it serves no longer."""
        await asyncio.wait((self._task,))

    async def stop(self) -> None:
        """Serve no longer."""
        self._server.leave()
        await asyncio.wait((self._task,))
        self._listener.close()
