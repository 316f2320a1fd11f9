"""Work in a thread of its own, and results handed back to the event loop that waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")
# What work came to. A pair: a future takes no StopIteration, and an error that ends programs would
# end the loop that all caches of a process share.
Ended = tuple[T | None, BaseException | None]
Settled = Sequence[tuple["asyncio.Future[Any] | None", Any, "BaseException | None"]]


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises, run in a daemon thread of its own, in the caller's context.

    No pool: work that waits for other work of its kind would have to wait for a place, for ever.
    Cancelled, the caller goes on and the thread runs to its end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Ended[T]] = loop.create_future()

    def run() -> None:
        try:
            ended: Any = (work(), None)
        except BaseException as error:
            ended = (None, error)
        settle_soon(loop, [(future, ended, None)])

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    return given(await future)


def given(ended: Ended[T]) -> T:
    """What work returned; raises what it raised."""
    value, error = ended
    if error is not None:
        raise as_raised(error)
    return value  # type: ignore[return-value]


def as_raised(error: BaseException) -> BaseException:
    """What was raised in the first place: no coroutine lets a StopIteration out (PEP 479)."""
    wrapped = error.__cause__ if isinstance(error, RuntimeError) else None
    return wrapped if isinstance(wrapped, (StopIteration, StopAsyncIteration)) else error


def settle_soon(loop: asyncio.AbstractEventLoop, done: Settled) -> None:
    """Hand results to their futures on the loop that waits for them, waking it once."""
    # If the loop is closed nobody waits any more, and what was written is written.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, done)


def _settle(done: Settled) -> None:
    for future, result, error in done:
        if future is None or future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
