"""Tell a host how far a call is, in order, and nothing after its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.context import ServerRequestContext

# Told in a few words, or in the next piece of a text, how far a call is.
Tell = Callable[[str], None]


@asynccontextmanager
async def telling(context: ServerRequestContext[Any]) -> AsyncIterator[Tell | None]:
    """What to tell within; None to a host that did not ask for it. All is told at the end."""
    if not context.meta or "progress_token" not in context.meta:
        yield None
        return
    said: asyncio.Queue[str] = asyncio.Queue()

    async def send() -> None:
        count = 0
        while True:
            message = await said.get()
            count += 1
            await context.session.report_progress(count, message=message)
            said.task_done()

    sender = asyncio.create_task(send(), name="Telling how far a call is")
    try:
        yield said.put_nowait
        # A sender that failed takes nothing more: its client has left.
        told = asyncio.ensure_future(said.join())
        await asyncio.wait((told, sender), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await sender
