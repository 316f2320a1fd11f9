"""The engine behind the proxy: what it is asked goes to it as it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import httpx

from refrain_sidecar.serve.stored import end_to_end

# A cold load takes minutes; only a connection has to come about at once.
_TIMEOUT = httpx.Timeout(None, connect=5.0)
# Ours, or that of the connection to us.
_NOT_SENT_ON = frozenset({b"host", b"refrain-cache", b"refrain-sample", b"expect"})
# What may carry the proxy's own key.
_KEYS = frozenset({b"authorization", b"x-api-key"})


# The first of httpcore's events that a connection is there for.
_CONNECTED = "send_request_headers.started"


class UnreachableError(Exception):
    """Upstream gave no answer, or not all of one; the message is for the client.

    `unsent`: nothing of the request was sent.
    """

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


class Upstream:
    """One engine at one address. `key`: what it demands; else the client's own is sent on.

    Belongs to one event loop.
    """

    def __init__(self, base_url: str, key: str | None, *, keep_clients_key: bool) -> None:
        self.base_url = base_url.rstrip("/")
        self._base = httpx.URL(self.base_url)
        self._key = key
        self._keep_clients_key = keep_clients_key and key is None
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT, limits=limits, trust_env=False, follow_redirects=False
        )
        self._ending: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close every connection."""
        if self._ending:
            await asyncio.wait(self._ending)
        await self._http.aclose()

    async def open(
        self,
        method: str,
        raw_path: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        content: bytes | AsyncIterable[bytes] | None,
    ) -> httpx.Response:
        """The answer's beginning; its body is to be read by `body_of`, within `closing`.

        Raises UnreachableError.
        """
        url = self._base.copy_with(raw_path=self._base.raw_path.rstrip(b"/") + raw_path)
        dropped = _NOT_SENT_ON if self._keep_clients_key else _NOT_SENT_ON | _KEYS
        sent = [pair for pair in end_to_end(headers) if pair[0] not in dropped]
        if self._key is not None:
            sent.append((b"authorization", b"Bearer " + self._key.encode()))
        connected = asyncio.Event()

        async def trace(event: str, _: object) -> None:
            if event.endswith(_CONNECTED):
                connected.set()

        request = httpx.Request(
            method, url, headers=sent, content=content, extensions={"trace": trace}
        )
        sending = asyncio.ensure_future(self._http.send(request, stream=True))
        try:
            return await asyncio.shield(sending)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except asyncio.CancelledError:
            self._apart(_give_up(sending, connected))
            raise

    @asynccontextmanager
    async def closing(self, response: httpx.Response) -> AsyncIterator[None]:
        """Close `response` behind the block, apart from what cancels that: httpcore 1.0 would never
        take its connection back."""
        try:
            yield
        finally:
            self._apart(response.aclose())

    async def body_of(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """What upstream sends, as it comes. Raises UnreachableError if it breaks off."""
        try:
            # Not `aiter_raw`, which closes the response where a cancellation would break that off.
            async for chunk in cast(httpx.AsyncByteStream, response.stream):
                yield chunk
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _apart(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _unreachable(self, error: httpx.TransportError) -> UnreachableError:
        said = str(error) or type(error).__name__
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            return UnreachableError(
                f"the engine at {self.base_url} cannot be reached ({said}); start it, such as with "
                "`ollama serve`",
                unsent=True,
            )
        return UnreachableError(f"the engine at {self.base_url} broke off ({said})")


async def _give_up(sending: asyncio.Future[httpx.Response], connected: asyncio.Event) -> None:
    """End a request at once, but never a connection in the making: httpcore 1.0 would lose it, open
    on both sides for ever."""
    waiting = asyncio.ensure_future(connected.wait())
    await asyncio.wait((sending, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    sending.cancel()
    with suppress(asyncio.CancelledError, httpx.TransportError):
        await (await sending).aclose()
