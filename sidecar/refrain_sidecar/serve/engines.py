"""Which engine the proxy stands in front of: the one that is named, or whichever is there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from attrs import define, frozen

from refrain_sidecar.config.settings import AUTO, Settings
from refrain_sidecar.inference.errors import InferenceError, NoEngine
from refrain_sidecar.inference.reaching.to_embedded import ToEmbedded
from refrain_sidecar.protocol import EngineName
from refrain_sidecar.serve.counting import Counting
from refrain_sidecar.serve.digests import Behind, Digests
from refrain_sidecar.serve.upstream import Upstream

log = logging.getLogger("refrain.serve")

# While nobody asks, so often it is seen whether the engine answers.
_LOOK_EVERY_S: Final = 5.0
# An embedded engine that could not be started is left alone so long.
_TRY_AGAIN_S: Final = 10.0


@frozen(eq=False)
class Engine:
    """One engine at one address."""

    name: EngineName
    upstream: Upstream
    digests: Digests

    @property
    def base_url(self) -> str:
        return self.upstream.base_url


@define
class UnansweredError(Exception):
    """`engine` gave no answer, and the client has nothing of one; the message is for the client.

    `note` is for `Cache-Status`, `counting` where the request is counted, if it is. `again`: the
    request is still whole, and can be asked again.
    """

    engine: Engine
    message: str
    note: str
    counting: Counting | None
    again: bool = True


class Engines:
    """Belongs to one event loop. `changed` is called when another engine answers, or none.

    Where none is named it is Ollama while that answers, else the embedded engine, which is started
    for the first request that Ollama leaves.
    """

    def __init__(
        self,
        settings: Settings,
        embedded: ToEmbedded,
        changed: Callable[[], None],
        *,
        keep_clients_key: bool,
    ) -> None:
        self._settings = settings
        self._to_embedded = embedded
        self._changed = changed
        self._keep_clients_key = keep_clients_key
        wanted = settings.serve.upstream
        self._may_start = wanted in (AUTO, "embedded")
        self._named: Engine | None = None
        if wanted != "embedded":
            url = settings.inference.base_url if wanted == AUTO else wanted
            self._named = self._engine("ollama", url, None)
        self._embedded: Engine | None = None
        self._ended: list[Engine] = []
        self._in_force: Engine | None = self._named
        self._was_reachable = False
        self._starting: asyncio.Task[None] | None = None
        self._tried_at = float("-inf")
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Find the engine. Raises InferenceError where the embedded one is named and cannot start.

        One that is away is no error: what it answered before can be replayed.
        """
        if self._named is not None:
            await self._named.digests.look()
        if self._may_start and self._is_away:
            try:
                await self._start()
            except InferenceError as error:
                if self._named is None:
                    raise
                # Whoever serves tells that none answers yet; what is broken is news.
                level = logging.INFO if isinstance(error, NoEngine) else logging.WARNING
                log.log(level, "The embedded engine cannot stand in: %s", error)
        self._choose()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Close every connection. The embedded engine is its owner's."""
        for task in (self._watching, self._starting):
            if task is not None:
                task.cancel()
                await asyncio.wait((task,))
        for engine in (self._named, self._embedded, *self._ended):
            if engine is not None:
                await engine.upstream.close()
                await engine.digests.close()

    @property
    def in_force(self) -> Engine:
        """The engine that was asked last."""
        assert self._in_force is not None, "not opened"
        return self._in_force

    async def now(self) -> Engine:
        """The engine to ask."""
        if self._named is not None:
            await self._named.digests.fresh()
        # Who has no other engine waits for it.
        return await self._standing_or_started(wait=self._named is None)

    async def instead_of(self, gone: Engine) -> bool:
        """Whether another engine is there to ask, now that `gone` has given no answer."""
        await gone.digests.look()
        return await self._standing_or_started(wait=True) is not gone

    async def of(self, model: str) -> tuple[Engine, Behind | None]:
        """The engine to ask for `model`, and what that stands for; None where it is not known."""
        engine = await self.now()
        behind = await engine.digests.of(model)
        named = self._named
        if behind is None and named is not None and named is not engine:
            # What Ollama answered before it went is replayed all the while.
            last = await named.digests.of(model)
            if last is not None:
                return named, last
        return engine, behind

    # --- inside ---------------------------------------------------------------------------------

    def _engine(self, name: EngineName, base_url: str, key: str | None) -> Engine:
        upstream = Upstream(base_url, key, keep_clients_key=self._keep_clients_key)
        networking, caching = self._settings.networking, self._settings.caching
        digests = Digests(base_url, name, key, networking, caching, time.monotonic)
        return Engine(name, upstream, digests)

    @property
    def _is_away(self) -> bool:
        return self._named is None or self._named.digests.away

    @property
    def _standing_in(self) -> Engine | None:
        """The embedded engine, if it runs and is known as it runs now."""
        reached, known = self._to_embedded.reached, self._embedded
        if reached is None or known is None or known.base_url != reached.client.base_url:
            return None
        return known

    async def _standing_or_started(self, *, wait: bool) -> Engine:
        if self._may_start and self._is_away and self._standing_in is None:
            starting = self._start_behind()
            if wait and starting is not None:
                await asyncio.shield(starting)
        return self._choose()

    def _choose(self) -> Engine:
        named = self._named
        instead = self._standing_in if self._is_away else None
        engine = instead or named or self._embedded
        assert engine is not None, "not opened"
        reachable = engine.digests.reachable
        if (engine, reachable) != (self._in_force, self._was_reachable):
            if engine is not self._in_force:
                log.info("The proxy stands in front of %s at %s", engine.name, engine.base_url)
            self._in_force, self._was_reachable = engine, reachable
            self._changed()
        return engine

    def _start_behind(self) -> asyncio.Task[None] | None:
        if self._starting is None and time.monotonic() - self._tried_at > _TRY_AGAIN_S:
            self._starting = asyncio.get_running_loop().create_task(self._started())
        return self._starting

    async def _started(self) -> None:
        try:
            await self._start()
        except InferenceError as error:
            log.info("The embedded engine cannot stand in: %s", error)
        finally:
            self._starting, self._tried_at = None, time.monotonic()

    async def _start(self) -> None:
        reached = await self._to_embedded.start()
        if self._standing_in is not None:
            return
        if self._embedded is not None:
            self._ended.append(self._embedded)
        base_url = reached.client.base_url
        key = reached.client.headers.get("Authorization", "").removeprefix("Bearer ")
        self._embedded = engine = self._engine("embedded", base_url, key or None)
        await engine.digests.look()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for engine in (self._named, self._embedded):
                if engine is not None:
                    await engine.digests.fresh()
            self._choose()
