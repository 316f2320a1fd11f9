"""Passing on: requests go upstream as they came, and answers come back as they were sent."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable
from contextlib import aclosing

import httpx

from refrain_sidecar.serve.bodies import rest_of
from refrain_sidecar.serve.counting import Counters
from refrain_sidecar.serve.digests import Digests
from refrain_sidecar.serve.endpoints import CHANGING
from refrain_sidecar.serve.incoming import Incoming
from refrain_sidecar.serve.leaving import until_left
from refrain_sidecar.serve.replies import BrokenOffError, begin, end, fail, more
from refrain_sidecar.serve.stored import end_to_end
from refrain_sidecar.serve.understanding import Request
from refrain_sidecar.serve.upstream import UnreachableError, Upstream


class Passing:
    """Passes on what is not replayed. Raises ClientLeftError from wherever the client leaves."""

    def __init__(self, upstream: Upstream, digests: Digests, counters: Counters) -> None:
        self._upstream = upstream
        self._digests = digests
        self._counters = counters

    async def through(self, came: Incoming) -> None:
        """Pass on a request that nothing is ever kept of."""
        self._counters.passed_through()
        has_body = b"content-length" in came.by_name or b"transfer-encoding" in came.by_name
        content = rest_of([], came.receive) if has_body else None
        if came.path not in CHANGING:
            await self.on(came, content, None)
            return
        self._digests.changed()
        try:
            await self.on(came, content, None)
        finally:
            self._digests.changed()

    async def counted(self, request: Request, note: str) -> None:
        """Pass on what could be kept and is not to be; count what `all` would have saved."""
        key = request.fp.key
        request.counting.came("passed")
        before = self._counters.seen(key)
        if before is not None:
            request.counting.would_hit(before)
        began = time.perf_counter()
        await self.on(request.came, request.body, note)
        if before is None:
            self._counters.sampled(key, (time.perf_counter() - began) * 1e3)

    async def on(
        self, came: Incoming, content: bytes | AsyncIterable[bytes] | None, note: str | None
    ) -> None:
        """Pass on a request with this body; `note` says why, where it could have been kept."""
        try:
            response = await self._opened(came, content)
        except UnreachableError as error:
            await fail(came.send, 502, came.path, str(error), "fwd=bypass")
            return
        async with aclosing(response):
            await until_left(came.receive, self._forward(came, response, note))

    async def _forward(self, came: Incoming, response: httpx.Response, note: str | None) -> None:
        headers = end_to_end(response.headers.raw)
        said = None if note is None else f"fwd=bypass; {note}"
        await begin(came.send, response.status_code, headers, said)
        try:
            async for chunk in self._upstream.body_of(response):
                await more(came.send, chunk)
        except UnreachableError as error:
            raise BrokenOffError from error
        await end(came.send)

    async def _opened(
        self, came: Incoming, content: bytes | AsyncIterable[bytes] | None
    ) -> httpx.Response:
        opening = self._upstream.open(came.method, came.raw_path, came.headers, content)
        if content is not None and not isinstance(content, bytes):
            return await opening  # reading the body sees the client leave
        opened: list[httpx.Response] = []

        async def keep() -> None:
            opened.append(await opening)

        await until_left(came.receive, keep())
        return opened[0]
