"""Calls web services: one pool, few at once to a host, repeated where it is safe, GETs cached."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import perf_counter
from typing import Any

import httpx

from refrain_cache import AsyncCache, Fingerprint, Outcome, OwnerFailedError, fingerprint
from refrain_sidecar.config.settings import NetworkingSettings
from refrain_sidecar.http.errors import ApiError
from refrain_sidecar.http.loopback import is_loopback
from refrain_sidecar.http.pool import pool
from refrain_sidecar.http.repeating import Repeating
from refrain_sidecar.http.reply import ApiReply, from_store, in_hand, to_store, without_secrets
from refrain_sidecar.http.retry_after import retry_after_s

log = logging.getLogger("refrain.http")

KIND = "api"
# Requests at once to one host: what browsers allow themselves, less two.
PER_HOST = 4
# The statuses that mean "later": too many requests, and a server or gateway that is busy or down.
LATER = frozenset({429, 502, 503, 504})
# Methods that may be sent again after the request reached the server (RFC 9110, 9.2.2).
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
WAIT_INITIAL_S = 0.2
WAIT_MAX_S = 10.0
# A server that asks for a longer pause is reported instead of waited for.
WAIT_LONGEST_S = 60.0


class ApiClient:
    """Calls web services over shared connections; belongs to one event loop."""

    def __init__(
        self, cache: AsyncCache, networking: NetworkingSettings, *, per_host: int = PER_HOST
    ) -> None:
        self._cache = cache
        self._repeating = Repeating(
            networking.retries, WAIT_INITIAL_S, WAIT_MAX_S, WAIT_LONGEST_S, log
        )
        self._hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))
        timeout = httpx.Timeout(
            networking.token_timeout, connect=networking.connect_timeout, pool=None
        )
        limits = httpx.Limits(max_connections=networking.max_connections)

        self._new_pool = partial(
            pool,
            refused=ApiError,
            timeout=timeout,
            limits=limits,
            follow_redirects=True,
            # A cookie from one answer would change the next, and no fingerprint would know.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )
        # By whether they lead to this machine; made when first needed, as the proxies of the
        # environment, which may not be usable, concern only the other one.
        self._pools: dict[bool, httpx.AsyncClient] = {}

    async def __aenter__(self) -> ApiClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        async with AsyncExitStack() as stack:
            for opened in self._pools.values():
                stack.push_async_callback(opened.aclose)

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        ttl: float | None = None,
        fresh: bool = False,
    ) -> Outcome[ApiReply]:
        """A GET, from the cache if it was answered before, by this process or another.

        Args:
            ttl: seconds to keep the answer; None for `caching.ttl_api`. Without it a reply that
                says `Cache-Control: no-store` is not kept.
            fresh: ask anew and replace what is kept.

        Raises ApiError for anything but a 2xx reply; nothing is kept then.
        """
        request = self._request("GET", url, params=params, headers=headers)

        async def ask() -> dict[str, Any]:
            response = await self._send(request)
            if ttl is None and _no_store(response):
                raise _NotToKeep(in_hand(response))
            return to_store(in_hand(response))

        asked = _fingerprint(request, headers)
        start = perf_counter()
        try:
            outcome = await self._cache.get_or_compute(
                asked, ask, ttl=ttl, fresh=fresh, label=request.url.host
            )
        except _NotToKeep as passed:
            return _not_kept(passed.reply, asked.key, "the server says no-store", start)
        except OwnerFailedError as error:
            log.info("asked again, because another process asked in vain: %s", error)
            reply = in_hand(await self._send(request))
            return _not_kept(reply, asked.key, str(error), start)
        return Outcome(**(outcome._asdict() | {"value": from_store(outcome.value)}))

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
    ) -> ApiReply:
        """Any request, never from the cache. Raises ApiError for anything but a 2xx reply.

        Repeated after 429, 502, 503 and 504 and after a lost connection where the method may be
        (POST only when no connection was made), honouring `Retry-After`.
        """
        request = self._request(
            method.upper(), url, params=params, headers=headers, json=json, content=content
        )
        return in_hand(await self._send(request))

    # --- inside -----------------------------------------------------------------------------

    def _request(self, method: str, url: str, **parts: Any) -> httpx.Request:
        try:
            host = httpx.URL(url).host
            return self._pool(host).build_request(method, url, **parts)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ApiError(f"{url!r} is no address ({error}). Write it with http(s)://.") from error

    def _pool(self, host: str) -> httpx.AsyncClient:
        loopback = is_loopback(host)
        if loopback not in self._pools:
            self._pools[loopback] = self._new_pool(loopback=loopback)
        return self._pools[loopback]

    async def _send(self, request: httpx.Request) -> httpx.Response:
        return await self._repeating.call(lambda: self._send_once(request))

    async def _send_once(self, request: httpx.Request) -> httpx.Response:
        place = f"{request.method} {without_secrets(request.url)}"
        may_repeat = request.method in IDEMPOTENT
        try:
            async with self._hosts[request.url.host]:
                response = await self._pool(request.url.host).send(request)
        except httpx.HTTPError as error:
            not_sent = isinstance(error, httpx.ConnectError)
            raise ApiError(
                f"{place} failed: {str(error) or type(error).__name__}. Check the address and the "
                "network, then try again.",
                safe_to_repeat=not_sent or (may_repeat and isinstance(error, httpx.TransportError)),
            ) from error
        log.debug("%s: %d", place, response.status_code)
        if response.is_success:
            return response
        raise ApiError(
            f"{place} answered {response.status_code} {response.reason_phrase}. "
            f"{_next_step(response.status_code)}",
            status=response.status_code,
            safe_to_repeat=may_repeat and response.status_code in LATER,
            retry_after=retry_after_s(response.headers.get("retry-after")),
        )


class _NotToKeep(Exception):
    """Carries a reply past the cache, which keeps nothing of a computation that raised."""

    def __init__(self, reply: ApiReply) -> None:
        self.reply = reply


def _fingerprint(request: httpx.Request, headers: Mapping[str, str] | None) -> Fingerprint:
    """The address and the caller's headers may hold tokens, so both are kept as hashes only."""
    return fingerprint(
        KIND,
        str(request.url),
        params={"method": request.method},
        identity={"headers": {name.lower(): value for name, value in (headers or {}).items()}},
        private=("content", "identity.headers"),
    )


def _no_store(response: httpx.Response) -> bool:
    directives = response.headers.get("cache-control", "").lower().split(",")
    return "no-store" in (directive.strip() for directive in directives)


def _not_kept(reply: ApiReply, key: str, reason: str, start: float) -> Outcome[ApiReply]:
    took_ms = (perf_counter() - start) * 1000
    return Outcome(
        value=reply,
        outcome="refused",
        tier=None,
        key=key,
        reason=reason,
        lookup_ms=0.0,
        total_ms=took_ms,
        cost_ms=took_ms,
        saved_ms=0.0,
    )


def _next_step(status: int) -> str:
    if status in LATER:
        return "Try again later, or ask fewer things at once."
    if status in (401, 403):
        return "Check the credentials sent with it."
    if status == 404:
        return "Check the address."
    return "Check the request." if status < 500 else "The service has a fault of its own."
