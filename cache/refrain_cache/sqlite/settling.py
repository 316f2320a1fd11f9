"""Results handed from a thread to the event loop that waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

Settled = Sequence[tuple["asyncio.Future[Any] | None", Any, "Exception | None"]]


def settle_soon(loop: asyncio.AbstractEventLoop, done: Settled) -> None:
    """Hand results to their futures on the loop that waits for them, waking it once."""
    if not done:
        return
    try:
        loop.call_soon_threadsafe(_settle, done)
    except RuntimeError:
        # The loop is closed: nobody waits any more, and what was written is written.
        return


def _settle(done: Settled) -> None:
    for future, result, error in done:
        if future is None or future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
