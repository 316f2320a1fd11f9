"""What is found out once about a model: per process and, with a cache, per machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.remembered import Remembered

T = TypeVar("T")


class FoundOut(Generic[T]):
    """Of each model and engine version a `kind`, a frozen class, under the name `name`."""

    def __init__(
        self, chooser: EngineChooser, settings: Settings, name: str, kind: type[T]
    ) -> None:
        self._chooser = chooser
        self._remembered = Remembered(settings.caching)
        self._name = name
        self._kind = kind
        self._known: dict[tuple[str, ...], T] = {}
        self._finding = asyncio.Lock()

    async def of(self, engine: Engine, find: Callable[[], Awaitable[T]], *depends_on: str) -> T:
        """What is known of the engine's model, or what `find` finds, which also `depends_on` these.

        What was found is kept only if the model was still the same afterwards. Raises what `find`
        raises.
        """
        who = (engine.digest, engine.version, *depends_on)
        if who in self._known:
            return self._known[who]
        async with self._finding:
            if who not in self._known:
                value = self._remembered.read(self._name, who, self._kind)
                if value is None:
                    value = await find()
                    if not await self._chooser.still(engine):
                        return value
                    self._remembered.keep(self._name, who, value)
                self._known[who] = value
            return self._known[who]
