"""Run the server on stdio until the editor leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from functools import partial
from typing import BinaryIO

from pygls.io_ import StdoutWriter

from refrain_sidecar.lsp.jsonrpc import read_body
from refrain_sidecar.lsp.server import RefrainServer
from refrain_sidecar.lsp.stdio import take_over_stdio

# After the editor has gone: how long the cache may take to flush and the engine to stop. The proxy
# gives what it is answering a second to end.
CLOSE_SECONDS = 2.0


def main() -> None:
    """Serve stdio. Ends the process itself: a thread may still wait for a line of stdin."""
    reader, writer = take_over_stdio()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    # pygls writes whole payloads at INFO, which are private, and a traceback for every refusal.
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with contextlib.suppress(SystemExit, KeyboardInterrupt, BrokenPipeError):
        asyncio.run(_serve(reader, writer))
    logging.shutdown()
    os._exit(0)


async def _serve(reader: BinaryIO, writer: BinaryIO) -> None:
    server = RefrainServer()
    server.protocol.set_writer(StdoutWriter(writer))
    loop = asyncio.get_running_loop()
    read = partial(loop.run_in_executor, server.thread_pool, partial(read_body, reader))
    try:
        while (body := await read()) is not None:
            server.protocol.receive(body)
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.close(), CLOSE_SECONDS)
