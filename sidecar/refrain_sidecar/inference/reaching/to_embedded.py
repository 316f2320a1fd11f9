"""The way to the embedded engine: starting it where it is needed, and stopping it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference import models
from refrain_sidecar.inference.errors import EngineFailed, NoEngine
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.reaching.reached import Reached

if TYPE_CHECKING:
    from refrain_sidecar.inference.embedded import EmbeddedProcess


class ToEmbedded:
    """Starts the embedded engine when it is asked for. Belongs to one event loop."""

    def __init__(self, settings: Settings, num_thread: int) -> None:
        self._settings = settings
        self._num_thread = num_thread
        self._process: EmbeddedProcess | None = None
        self._reached: Reached | None = None
        self._starting = asyncio.Lock()

    @property
    def reached(self) -> Reached | None:
        """The engine while it runs."""
        return self._reached if self.alive else None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.alive

    async def start(self) -> Reached:
        """The engine, started unless it runs. Raises InferenceError. Callers share one start."""
        async with self._starting:
            return await self._start()

    async def close(self) -> None:
        """Close all connections and stop the engine, if it was started here."""
        await self._close_client()
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def _start(self) -> Reached:
        # Only whoever needs the embedded engine pays for importing it.
        from refrain_sidecar.inference.embedded import EmbeddedProcess, EmbeddedStartFailed

        if self.reached is not None:
            return self.reached
        if models.installed() is None:
            raise NoEngine(
                "The embedded engine is not installed: `refrain models fetch` installs it."
            )
        if self._process is None:
            self._process = EmbeddedProcess(
                num_threads=self._num_thread, num_ctx=self._settings.inference.num_ctx
            )
        await self._close_client()  # its process is gone, and with it all it served
        try:
            base_url = await self._process.start()
        except EmbeddedStartFailed as error:
            raise EngineFailed(
                f"{error} Try `refrain models fetch`, which repairs what is broken."
            ) from error
        self._reached = await self._reach(base_url, self._process.key)
        return self._reached

    async def _reach(self, base_url: str, key: str) -> Reached:
        client = OllamaClient(base_url, self._settings.networking, "embedded", key)
        try:
            version, tags = await client.version(), await client.tags()
            if not tags:
                raise EngineFailed(
                    f"The embedded engine at {client.base_url} names no model. Fetch it again with "
                    "`refrain models fetch`."
                )
        except BaseException:
            await client.close()
            raise
        return Reached("embedded", tags[0], "it is the only one", version, client)

    async def _close_client(self) -> None:
        if self._reached is not None:
            await self._reached.client.close()
            self._reached = None
