"""Which model is loaded, with what, and until when."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from refrain_sidecar.inference.embedded.failures import busy
from refrain_sidecar.inference.embedded.llama import LlamaServer, Loading

# Ollama's OLLAMA_MAX_QUEUE.
MAX_WAITING = 512

log = logging.getLogger(__name__)


class Residency:
    """Holds at most one loaded model and gives it to one request at a time, first come first.

    One at a time because on few cores parallel slots gain nothing, and because a request with
    another context or thread count must reload the model with nobody using it.
    """

    def __init__(self, model: Path) -> None:
        self._model = model
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._server: LlamaServer | None = None
        self._expires_at = 0.0
        self._expiry: asyncio.Task[None] | None = None

    @property
    def loaded(self) -> LlamaServer | None:
        """The loaded model, or None."""
        return self._server

    @property
    def expires_at(self) -> float:
        """When the model is unloaded, in seconds since the epoch; `math.inf` for never."""
        return self._expires_at

    @asynccontextmanager
    async def use(self, loading: Loading, keep_alive: float) -> AsyncIterator[LlamaServer]:
        """The model, loaded as asked, for as long as the block runs.

        Afterwards it stays for `keep_alive` seconds. Raises EngineFailure 503 if too many wait.
        """
        if self._waiting >= MAX_WAITING:
            raise busy()
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            self._cancel_expiry()
            server = await self._ensure(loading)
            try:
                yield server
            finally:
                self._expire_after(keep_alive)
        finally:
            self._turn.release()

    async def unload(self) -> None:
        """Unloads once nobody uses the model."""
        async with self._turn:
            self._cancel_expiry()
            await self._unload()

    async def _ensure(self, loading: Loading) -> LlamaServer:
        if self._server is not None and self._server.loading != loading:
            log.info("reloading the model: %s, was %s", loading, self._server.loading)
            await self._unload()
        if self._server is None:
            started = time.perf_counter()
            self._server = await LlamaServer.load(self._model, loading)
            log.info("loaded %s in %.0f ms", loading, (time.perf_counter() - started) * 1e3)
        return self._server

    async def _unload(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.unload()
            log.info("unloaded the model")

    def _cancel_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _expire_after(self, keep_alive: float) -> None:
        self._expires_at = time.time() + keep_alive
        if not math.isinf(keep_alive):
            self._expiry = asyncio.create_task(self._expire(keep_alive))

    async def _expire(self, keep_alive: float) -> None:
        await asyncio.sleep(keep_alive)
        async with self._turn:
            # From here on the unloading is not to be cancelled by a request that waits its turn.
            self._expiry = None
            await self._unload()
