"""Passing on: requests go upstream as they came, and answers come back as they were sent."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Coroutine
from typing import Any

import httpx
from starlette.types import Send

from refrain_sidecar.serve.bodies import rest_of
from refrain_sidecar.serve.counting import Counters, Counting
from refrain_sidecar.serve.endpoints import CHANGING
from refrain_sidecar.serve.engines import Engine, Engines, UnansweredError
from refrain_sidecar.serve.incoming import Incoming
from refrain_sidecar.serve.leaving import until_left
from refrain_sidecar.serve.replies import BrokenOffError, begin, end, more
from refrain_sidecar.serve.stored import end_to_end
from refrain_sidecar.serve.understanding import Request
from refrain_sidecar.serve.upstream import UnreachableError, Upstream


class Passing:
    """Passes on what is not replayed. Raises UnansweredError where no answer comes.

    Raises ClientLeftError from wherever the client leaves.
    """

    def __init__(self, engines: Engines, counters: Counters) -> None:
        self._engines = engines
        self._counters = counters

    async def through(self, came: Incoming) -> None:
        """Pass on a request that nothing is ever kept of."""
        has_body = b"content-length" in came.by_name or b"transfer-encoding" in came.by_name
        content = rest_of([], came.receive) if has_body else None
        engine = await self._engines.now()
        changes = came.path in CHANGING
        if changes:
            engine.digests.changed()
        try:
            await self._on(engine, came, content, None, None)
        finally:
            if changes:
                engine.digests.changed()

    async def counted(self, request: Request, note: str) -> None:
        """Pass on what could be kept and is not to be; count what `all` would have saved."""
        key = request.fp.key
        request.counting.came("passed")
        before = self._counters.seen(key)
        began = time.perf_counter()
        await self._on(request.engine, request.came, request.body, note, request.counting)
        if before is None:
            self._counters.sampled(key, (time.perf_counter() - began) * 1e3)
        else:
            request.counting.would_hit(before)

    async def unkept(
        self, came: Incoming, content: bytes | AsyncIterable[bytes], note: str
    ) -> None:
        """Pass on what could have been kept but for what `note` says."""
        await self._on(await self._engines.now(), came, content, note, None)

    async def _on(
        self,
        engine: Engine,
        came: Incoming,
        content: bytes | AsyncIterable[bytes] | None,
        note: str | None,
        counting: Counting | None,
    ) -> None:
        opening = engine.upstream.open(came.method, came.raw_path, came.headers, content)
        try:
            response = await _opened(came, content, opening)
        except UnreachableError as error:
            # What streams in can be read only once.
            again = error.unsent or not isinstance(content, AsyncIterable)
            raise UnansweredError(engine, str(error), "fwd=bypass", counting, again) from error
        async with engine.upstream.closing(response):
            said = None if note is None else f"fwd=bypass; {note}"
            await until_left(came.receive, _forward(came.send, engine.upstream, response, said))


async def _forward(
    send: Send, upstream: Upstream, response: httpx.Response, said: str | None
) -> None:
    await begin(send, response.status_code, end_to_end(response.headers.raw), said)
    try:
        async for chunk in upstream.body_of(response):
            await more(send, chunk)
    except UnreachableError as error:
        raise BrokenOffError from error
    await end(send)


async def _opened(
    came: Incoming,
    content: bytes | AsyncIterable[bytes] | None,
    opening: Coroutine[Any, Any, httpx.Response],
) -> httpx.Response:
    if content is not None and not isinstance(content, bytes):
        return await opening  # reading the body sees the client leave
    opened: list[httpx.Response] = []

    async def keep() -> None:
        opened.append(await opening)

    await until_left(came.receive, keep())
    return opened[0]
