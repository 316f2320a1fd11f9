"""The proxy in this process, or the one that another process on this machine runs already."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx
from attrs import asdict, evolve
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from refrain_cache import AsyncCache
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.http.listener import listener
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.inference.reaching.to_embedded import ToEmbedded
from refrain_sidecar.protocol import ServeState
from refrain_sidecar.serve.app import PAGE, Proxy
from refrain_sidecar.serve.engines import Engines
from refrain_sidecar.serve.gate import Gate
from refrain_sidecar.serve.listening import Listening
from refrain_sidecar.serve.page import Page

log = logging.getLogger("refrain.serve")

LOOPBACK: Final = "127.0.0.1"
# Whoever shares another's proxy looks so often whether it still runs, to take over where it ended.
_LOOK_EVERY_S: Final = 2.0
_LOOK_LONGEST_S: Final = 1.0
_STATE: Final = f"{PAGE}/state"


class Hosting:
    """Runs the proxy, or shares the one that runs. Belongs to one event loop.

    `host` other than loopback needs `keys`: every request then brings one. `embedded` is another's
    way to the embedded engine, to be used and left open; without it there is one of its own.
    """

    def __init__(
        self,
        settings: Settings,
        cache: AsyncCache,
        *,
        host: str = LOOPBACK,
        keys: Sequence[str] = (),
        embedded: ToEmbedded | None = None,
        share: bool = True,
    ) -> None:
        if host not in (LOOPBACK, "localhost", "::1") and not keys:
            raise ValueError("Beyond this machine the proxy serves only who brings an API key.")
        self._settings = settings
        self._cache = cache
        self._host = host
        self._gate = Gate(keys)
        self._share = share
        self._listeners: list[Callable[[], None]] = []
        self._state = ServeState(False, policy=settings.serve.policy)
        self._embedded = embedded
        self._own: ToEmbedded | None = None
        self._engines: Engines | None = None
        self._proxy: Proxy | None = None
        self._page: Page | None = None
        self._listening: Listening | None = None
        self._sharing: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    @property
    def state(self) -> ServeState:
        """Whether it runs and where, with its counts."""
        if self._proxy is None or self._engines is None:
            return self._state
        totals = self._proxy.counters.figures.totals
        engine = self._engines.in_force
        return evolve(
            self._state,
            upstream=engine.base_url,
            engine=engine.name,
            reachable=engine.digests.reachable,
            hits=totals.hits + totals.coalesced,
            misses=totals.misses,
            passed=totals.passed,
            saved_ms=totals.saved_ms,
        )

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change of state or counts. Returns what ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    async def start(self) -> ServeState:
        """Serve. Never raises for a port that is taken: `error` says so, or `shared` by whom.

        Raises InferenceError where the embedded engine is named and cannot be started.
        """
        async with self._changing:
            try:
                if not self._state.running:
                    await self._start()
            finally:
                self._changed()
        return self.state

    async def stop(self) -> ServeState:
        """Serve no longer; another process's proxy goes on."""
        async with self._changing:
            sharing, self._sharing = self._sharing, None
            if sharing is not None:
                sharing.cancel()
                await asyncio.wait((sharing,))
            await self._end()
            self._state = ServeState(False, policy=self._settings.serve.policy)
        self._changed()
        return self.state

    async def close(self) -> None:
        """End all that runs."""
        await self.stop()

    async def ended(self) -> None:
        """Wait until the proxy that runs here serves no longer."""
        if self._listening is not None:
            await self._listening.ended()

    # --- inside ---------------------------------------------------------------------------------

    async def _start(self) -> None:
        serve = self._settings.serve
        try:
            sock = listener(self._host, serve.port)
        except OSError as error:
            there = await self._there() if error.errno == errno.EADDRINUSE else None
            if there is None or not self._share:
                why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error})"
                self._state = evolve(
                    self._state,
                    running=False,
                    error=f"Port {serve.port} {why}. Choose another: `serve.port` in "
                    "perf_config.json, or --port.",
                )
                return
            self._state = evolve(there, shared=True)
            if self._sharing is None or self._sharing.done():
                self._sharing = asyncio.get_running_loop().create_task(self._share_on())
            return
        self._engines = engines = Engines(
            self._settings,
            self._embedded or self._own_embedded(),
            self._changed,
            keep_clients_key=not self._gate.demands_key,
        )
        try:
            await engines.open()
        except BaseException as error:
            sock.close()
            await self._end()
            self._state = evolve(self._state, running=False, error=str(error))
            raise
        self._proxy = Proxy(self._cache, engines, self._gate, serve, self._changed)
        self._page = page = Page(
            self._cache,
            self._proxy.counters.figures,
            self._proxy.in_flight,
            self._about,
            self.subscribe,
        )
        routes = [*page.routes(), Route(_STATE, self._tell_state)]
        self._proxy.page = Starlette(routes=routes)
        self._listening = Listening(self._proxy, sock)
        host = f"[{self._host}]" if ":" in self._host else self._host
        url = f"http://{host}:{sock.getsockname()[1]}"
        self._state = ServeState(True, url=url, policy=serve.policy)

    def _own_embedded(self) -> ToEmbedded:
        self._own = ToEmbedded(self._settings, threads_in_force(self._settings))
        return self._own

    async def _end(self) -> None:
        if self._page is not None:
            self._page.close()
        if self._listening is not None:
            await self._listening.stop()
        for closing in (self._proxy, self._engines, self._own):
            if closing is not None:
                await closing.close()
        self._listening = self._proxy = self._engines = self._own = self._page = None

    def _about(self) -> dict[str, Any]:
        state = self.state
        return {
            "url": state.url,
            "upstream": state.upstream,
            "engine": state.engine,
            "version": None if self._engines is None else self._engines.in_force.digests.version,
            "reachable": state.reachable,
            "policy": state.policy,
        }

    async def _tell_state(self, _: Any) -> JSONResponse:
        return JSONResponse({"product": "refrain", **asdict(self.state)})

    async def _there(self) -> ServeState | None:
        """The state of the Refrain that serves at our port; None if none does."""
        url = f"http://{LOOPBACK}:{self._settings.serve.port}{_STATE}"
        said = await _asked(url)
        if not isinstance(said, dict) or said.pop("product", None) != "refrain":
            return None
        try:
            return ServeState(**said)
        except TypeError:
            return None  # another version's

    async def _share_on(self) -> None:
        """Follow the other's state; serve here once it has ended."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            there = await self._there()
            if there is not None:
                state = evolve(there, shared=True)
                if state != self._state:
                    self._state = state
                    self._changed()
                continue
            self._state = evolve(self._state, running=False, shared=False)
            try:
                await self._start()
            except InferenceError as error:
                log.warning("The proxy of another process has ended, and none here: %s", error)
            self._changed()
            if not self._state.shared:
                return

    def _changed(self) -> None:
        for tell in tuple(self._listeners):
            tell()


async def _asked(url: str) -> Any:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_LOOK_LONGEST_S) as client:
            reply = await client.get(url)
            return reply.json() if reply.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
