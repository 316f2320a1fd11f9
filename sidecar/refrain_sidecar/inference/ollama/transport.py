"""One pooled connection to one engine: whole replies, streams of lines, retries, time limits."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from time import perf_counter
from typing import Any, Literal

import httpx

from refrain_sidecar.config.settings import NetworkingSettings
from refrain_sidecar.http.loopback import is_loopback
from refrain_sidecar.http.pool import pool
from refrain_sidecar.http.repeating import Repeating
from refrain_sidecar.http.retry_after import retry_after_s
from refrain_sidecar.inference.errors import InferenceError, RequestRefused
from refrain_sidecar.inference.ollama import failures
from refrain_sidecar.inference.ollama.failures import Target
from refrain_sidecar.inference.ollama.lines import LineSplitter, LineTooLong

log = logging.getLogger("refrain.inference")

JsonObject = Mapping[str, Any]

# Just under the 5 s after which uvicorn, behind which our own engine listens, drops an idle
# connection: most requests then open a new one (0.2 ms on loopback) instead of finding it dead.
KEEPALIVE_S = 4.0
# Between tries: short at first, because a dropped pooled connection needs no wait at all.
WAIT_INITIAL_S = 0.05
WAIT_MAX_S = 2.0
# An engine that asks for a longer pause than this is reported as busy instead of waited for.
WAIT_LONGEST_S = 10.0
# After the last line only the end of the body is missing. An engine that holds it back loses its
# connection, not the answer.
DRAIN_S = 0.5
MAX_ERROR_BYTES = 65_536


class Transport:
    """Sends requests to one engine. Every failure comes out as an `InferenceError`."""

    def __init__(
        self,
        base_url: str,
        networking: NetworkingSettings,
        engine: Literal["ollama", "embedded"] = "ollama",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._engine = engine
        self._limits = networking
        self._repeating = Repeating(
            networking.retries, WAIT_INITIAL_S, WAIT_MAX_S, WAIT_LONGEST_S, log
        )
        url = _address(self.base_url)
        self._pool = pool(
            loopback=is_loopback(url.host),
            refused=RequestRefused,
            base_url=url,
            headers=headers,
            verify=url.scheme == "https",  # loading certificates takes tens of ms
            limits=httpx.Limits(
                max_connections=networking.max_connections,
                max_keepalive_connections=networking.max_connections,
                keepalive_expiry=KEEPALIVE_S,
            ),
        )

    async def close(self) -> None:
        """Close every connection. Running requests fail."""
        await self._pool.aclose()

    async def call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        model: str | None = None,
        patience_s: float | None = None,
    ) -> JsonObject:
        """A whole JSON reply. `patience_s` limits each wait for bytes (default: token_timeout)."""
        target = Target(self._engine, self.base_url, path, model)
        patience = patience_s or self._limits.token_timeout
        async with _Record(target):
            response = await self._open(target, method, body, patience)
            try:
                content = await response.aread()
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise failures.broken(target, _cause(error)) from error
            finally:
                await response.aclose()
            return _object(target, content, first=True)

    async def lines(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        model: str,
        is_last: Callable[[JsonObject], bool],
    ) -> AsyncGenerator[JsonObject, None]:
        """The JSON lines of a streamed reply, up to and with the one that `is_last`.

        A reply that ends without such a line raises BrokenStream. Closing the generator, or
        cancelling whoever waits for it, closes the connection at once, which stops the engine.
        """
        target = Target(self._engine, self.base_url, path, model)
        later = self._limits.token_timeout
        async with _Record(target) as record:
            patience = max(self._limits.first_token_timeout, later)
            response = await self._open(target, "POST", body, patience)
            try:
                reader = _LineReader(target, response)
                while (
                    batch := await reader.read(self._limits.first_token_timeout, later)
                ) is not None:
                    for data in batch:
                        record.lines += 1
                        last = is_last(data)
                        yield data
                        if last:
                            await reader.drain()
                            return
                raise failures.broken(target, "it ended before the engine said it was done")
            finally:
                await response.aclose()

    async def _open(
        self,
        target: Target,
        method: str,
        body: Mapping[str, Any] | None,
        patience_s: float,
    ) -> httpx.Response:
        """A reply with status 200 whose body has not been read. The caller closes it."""
        request = self._request(target, method, body, patience_s)
        return await self._repeating.call(lambda: self._open_once(target, request))

    async def _open_once(self, target: Target, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._pool.send(request, stream=True)
        except httpx.TransportError as error:
            raise failures.unreachable(target, error) from error
        if response.status_code == httpx.codes.OK:
            return response
        try:
            body = await _beginning(response)
        except (httpx.TransportError, httpx.DecodingError) as error:
            log.debug("the reason for status %d was cut off: %s", response.status_code, error)
            body = b""
        finally:
            await response.aclose()
        pause = retry_after_s(response.headers.get("retry-after"))
        raise failures.refused(target, response.status_code, body, pause)

    def _request(
        self,
        target: Target,
        method: str,
        body: Mapping[str, Any] | None,
        patience_s: float,
    ) -> httpx.Request:
        timeout = httpx.Timeout(
            connect=self._limits.connect_timeout,
            read=patience_s,
            write=patience_s,
            pool=None,  # waiting for one of our own connections is no fault of the engine
        )
        try:
            return self._pool.build_request(method, target.path, json=body, timeout=timeout)
        except UnicodeEncodeError as error:
            raise RequestRefused(
                "The text holds half a character (a lone surrogate) and cannot be sent. Take it "
                "out and ask again."
            ) from error


class _LineReader:
    """Whole lines of one streamed reply, each within its time limit."""

    def __init__(self, target: Target, response: httpx.Response) -> None:
        self._target = target
        self._chunks: AsyncIterator[bytes] = response.aiter_bytes()
        self._splitter = LineSplitter()
        self._seen = False

    async def read(self, first_s: float, later_s: float) -> list[JsonObject] | None:
        """The next lines, at least one; None at the end of the body."""
        seconds = later_s if self._seen else first_s
        try:
            async with asyncio.timeout(seconds):
                found = await self._next()
        except (TimeoutError, httpx.TimeoutException) as error:
            raise failures.no_token(self._target, first=not self._seen, seconds=seconds) from error
        except (httpx.TransportError, httpx.DecodingError, LineTooLong) as error:
            raise failures.broken(self._target, _cause(error)) from error
        if not found:
            return None
        first, self._seen = not self._seen, True
        return [
            _object(self._target, line, first=first and not position)
            for position, line in enumerate(found)
        ]

    async def drain(self) -> None:
        """Read the end of the body, so that the connection can serve again."""
        try:
            async with asyncio.timeout(DRAIN_S):
                async for _ in self._chunks:
                    pass
        except (TimeoutError, httpx.TransportError, httpx.DecodingError) as error:
            log.debug("%s held its stream open: connection dropped (%s)", self._target.name, error)

    async def _next(self) -> list[bytes]:
        async for chunk in self._chunks:
            if lines := self._splitter.feed(chunk):
                return lines
        return self._splitter.end()


class _Record:
    """What one request came to, for its line in the log."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.lines = 0

    async def __aenter__(self) -> _Record:
        self._start = perf_counter()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: Any, _: Any) -> None:
        if isinstance(error, InferenceError):
            outcome = error.code
        elif kind is None:
            outcome = "ok"
        else:
            outcome = "cancelled" if kind is asyncio.CancelledError else "closed early"
        log.debug(
            "%s %s %s: %s, %d lines, %.1f ms",
            self._target.base_url,
            self._target.path,
            self._target.model or "",
            outcome,
            self.lines,
            (perf_counter() - self._start) * 1000,
        )


def _address(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
        wrong = None if url.scheme in ("http", "https") and url.host else "no http:// or no host"
        if url.port is not None and url.port > 65535:
            wrong = "no such port"
    except httpx.InvalidURL as error:
        wrong = str(error)
    if wrong:
        raise RequestRefused(
            f"inference.base_url is no address: {base_url!r} ({wrong}). Write it as "
            "http://127.0.0.1:11434."
        )
    return url


async def _beginning(response: httpx.Response) -> bytes:
    kept = b""
    async for chunk in response.aiter_bytes():
        kept += chunk
        if len(kept) >= MAX_ERROR_BYTES:
            break
    return kept


def _object(target: Target, line: bytes, *, first: bool) -> JsonObject:
    try:
        data = json.loads(line)
    except ValueError as error:
        what = "it is not JSON" if first else "a line was cut short"
        wrong = failures.not_the_api if first else failures.broken
        raise wrong(target, what) from error
    if not isinstance(data, dict):
        raise failures.not_the_api(target, "no JSON object")
    if data.get("error"):
        raise failures.failed(target, failures.engine_words(line))
    return data


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
