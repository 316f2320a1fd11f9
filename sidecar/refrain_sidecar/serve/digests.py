"""What is behind a model's name now: looked up again after two seconds, or once it may differ."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from attrs import evolve, field, frozen

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import NetworkingSettings
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import ModelTag
from refrain_sidecar.inference.reaching.names import find
from refrain_sidecar.inference.remembered import Remembered
from refrain_sidecar.protocol import EngineName

log = logging.getLogger("refrain.serve")

# As old as a digest may be, in seconds, and how old before it is looked up behind the replies.
_OLDEST_S, _AGEING_S = 2.0, 1.0
_LOOK_LONGEST_S = 2.0
# An engine that took longer to give no answer hangs: nobody waits for it again until it gives one.
_PATIENCE_S = 0.5


@frozen
class Known:
    """What an engine has: its version, and the digest behind each name."""

    version: str
    digests: dict[str, str] = field(factory=dict)


@frozen
class Behind:
    """What a model's name stands for. `offline`: as it was when the engine last answered."""

    digest: str
    version: str
    offline: bool


class Digests:
    """The models of one engine. Belongs to one event loop."""

    def __init__(
        self,
        base_url: str,
        engine: EngineName,
        key: str | None,
        networking: NetworkingSettings,
        caching: CacheSettings,
        tick: Callable[[], float],
    ) -> None:
        self._client = OllamaClient(base_url, evolve(networking, retries=0), engine, key)
        self._remembered = Remembered(caching)
        # The embedded engine's address is another one each time.
        self._name = ["serve", base_url if engine == "ollama" else engine]
        self._tick = tick
        self._known: Known | None = None
        self._tags: tuple[ModelTag, ...] = ()
        self._found: dict[str, Behind | None] = {}
        self._looked_at = float("-inf")
        # When the look was begun that told what is known.
        self._as_of = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._hangs = False
        self.reachable = False

    @property
    def version(self) -> str | None:
        """The engine's version as last heard."""
        return None if self._known is None else self._known.version

    @property
    def away(self) -> bool:
        """Whether nobody is there: one that hangs may only be busy."""
        return not (self.reachable or self._hangs)

    async def close(self) -> None:
        """Close every connection."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))
        await self._client.close()

    def changed(self) -> None:
        """What is behind a name may be something else from now on."""
        self._hangs = False
        self._looked_at = float("-inf")
        self._looking = None  # what is on its way may have been read before

    async def of(self, model: str) -> Behind | None:
        """What `model` stands for; None where no such model is known."""
        await self.fresh()
        if model not in self._found:
            self._found[model] = self._find(model)
        return self._found[model]

    async def fresh(self) -> None:
        """Look again where the last look is too old, and wait for it unless the engine hangs."""
        # A second time where a name may have changed while the first was under way.
        for _ in range(2):
            age = self._tick() - self._looked_at
            if age > _OLDEST_S and not self._hangs:
                await self.look()
        if age > _AGEING_S:
            self._start()

    async def look(self) -> None:
        """Ask the engine now. One question serves all that wait."""
        await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[None]:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        return self._looking

    async def _look(self) -> None:
        looked_at = self._tick()
        tags: tuple[ModelTag, ...] | None = None
        try:
            async with asyncio.timeout(_LOOK_LONGEST_S):
                tags, version = await asyncio.gather(self._client.tags(), self._client.version())
        except (InferenceError, TimeoutError) as error:
            log.debug("The models of %s are not known: %s", self._client.base_url, error)
        # What was read may be out of date: it counts as known, and never as fresh.
        overtaken = self._looking is not asyncio.current_task()
        if overtaken and (tags is None or looked_at < self._as_of):
            return
        self._as_of = looked_at
        if tags is None:
            # From its end on: who does not answer is not waited for by every request.
            looked_at = self._tick()
            self._hangs = looked_at - self._as_of > _PATIENCE_S
            self.reachable = False
            if self._known is None:
                self._known = self._remembered.read("models", self._name, Known)
        else:
            self.reachable, self._hangs = True, False
            self._tags = tags
            known = Known(version.version, {tag.name: tag.digest for tag in tags})
            if known != self._known:
                self._known = known
                keep = self._remembered.keep
                asyncio.get_running_loop().run_in_executor(None, keep, "models", self._name, known)
        if not overtaken:
            self._looked_at = looked_at
        self._found = {}

    def _find(self, model: str) -> Behind | None:
        known = self._known
        if known is None:
            return None
        if self.reachable:
            tag = find(self._tags, model)
            digest = None if tag is None else tag.digest
        else:
            digest = known.digests.get(model) or known.digests.get(f"{model}:latest")
        return Behind(digest, known.version, not self.reachable) if digest else None
