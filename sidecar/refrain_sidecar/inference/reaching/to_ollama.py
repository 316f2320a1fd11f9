"""The way to Ollama: whether it answers, with which model, and what else it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import evolve, frozen

from refrain_sidecar.config.settings import AUTO, Settings
from refrain_sidecar.inference.errors import (
    EngineFailed,
    EngineUnreachable,
    InferenceError,
    ModelMissing,
    RequestRefused,
)
from refrain_sidecar.inference.last_known import Identity, LastKnown
from refrain_sidecar.inference.ollama import failures
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import ModelTag
from refrain_sidecar.inference.reaching.names import find, same_model
from refrain_sidecar.inference.reaching.neither import PULLED
from refrain_sidecar.inference.reaching.picking import Pick, can_write, in_order
from refrain_sidecar.inference.reaching.reached import Reached

# Every command must say within 2 s that there is no engine; this leaves it time to say so.
LOOK_LONGEST_S = 1.5
# Nobody waits for an answer while models are listed, and each of them is asked about.
LIST_LONGEST_S = 10.0


@frozen
class Offer:
    """A model of Ollama's that writes text."""

    tag: ModelTag
    loaded: bool


class ToOllama:
    """Looks for Ollama at `inference.base_url`. Belongs to one event loop.

    Where the model is "auto", the one that was taken is remembered, here and on disk.
    """

    def __init__(self, settings: Settings) -> None:
        self._inference = settings.inference
        self._networking = settings.networking
        of_ollama = evolve(settings, inference=evolve(settings.inference, engine="ollama"))
        self._last_used = LastKnown(of_ollama)
        self._held: Pick | None = None
        self._can_write: dict[str, bool] = {}
        self._client: OllamaClient | None = None

    async def look(self) -> Reached:
        """Ollama with the model that is to answer. Raises InferenceError, within 1.5 s."""
        async with self._looking() as looking:
            version, tags = await looking.version(), await looking.tags()
            pick = await self._pick(looking, tags)
        if self._inference.model == AUTO:
            if self._held is not None and self._held.tag.name == pick.tag.name:
                pick = evolve(pick, why=self._held.why)
            self._held = pick
            used = Identity("ollama", pick.tag.name, pick.tag.digest, version.version)
            asyncio.get_running_loop().run_in_executor(None, self._last_used.keep, used)
        return Reached("ollama", pick.tag, pick.why, version, self._reused())

    async def digest_of(self, model: str) -> str | None:
        """The digest behind the name `model` now, None if there is none or nobody answers."""
        try:
            async with self._looking() as looking:
                tag = find(await looking.tags(), model)
        except InferenceError:
            return None
        return None if tag is None else tag.digest

    async def offers(self) -> list[Offer]:
        """Every model that writes text, the one that "auto" takes first. Raises InferenceError."""
        async with self._looking(LIST_LONGEST_S) as looking:
            tags, loaded = await looking.tags(), await _loaded(looking)
            picks = self._in_order(tags, loaded)
            writing = await asyncio.gather(*(self._writes(looking, pick.tag) for pick in picks))
        return [
            Offer(pick.tag, any(same_model(pick.tag.name, name) for name in loaded))
            for pick, writes in zip(picks, writing, strict=True)
            if writes
        ]

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    @asynccontextmanager
    async def _looking(self, seconds: float | None = None) -> AsyncIterator[OllamaClient]:
        seconds = seconds or min(self._networking.connect_timeout, LOOK_LONGEST_S)
        # To find nobody is an answer, so looking is not repeated.
        once = OllamaClient(self._inference.base_url, evolve(self._networking, retries=0))
        try:
            async with asyncio.timeout(seconds), once as looking:
                yield looking
        except TimeoutError as error:
            target = self._target()
            raise EngineUnreachable(
                f"{target.name} did not answer within {seconds:g} s. {target.start_it}"
            ) from error

    async def _pick(self, looking: OllamaClient, tags: tuple[ModelTag, ...]) -> Pick:
        model = self._inference.model
        if model != AUTO:
            if (tag := find(tags, model)) is None:
                raise failures.model_missing(self._target())
            return Pick(tag, "inference.model names it")
        for pick in self._in_order(tags, await _loaded(looking)):
            if await self._writes(looking, pick.tag):
                return pick
        raise ModelMissing(
            f"{self._target().name} has no model that writes text. Get one, such as with "
            f"`ollama pull {PULLED}`."
        )

    def _in_order(self, tags: tuple[ModelTag, ...], loaded: list[str]) -> list[Pick]:
        held = None if self._held is None else self._held.tag.name
        used = self._last_used.read()
        return in_order(tags, held=held, loaded=loaded, last=None if used is None else used.model)

    async def _writes(self, looking: OllamaClient, tag: ModelTag) -> bool:
        if tag.digest not in self._can_write:
            try:
                self._can_write[tag.digest] = can_write(await looking.show(tag.name))
            except (EngineFailed, ModelMissing, RequestRefused):
                return False  # damaged, or deleted meanwhile; the next look asks again
        return self._can_write[tag.digest]

    def _reused(self) -> OllamaClient:
        if self._client is None:
            self._client = OllamaClient(self._inference.base_url, self._networking)
        return self._client

    def _target(self) -> failures.Target:
        base_url = self._inference.base_url.rstrip("/")
        return failures.Target("ollama", base_url, "/api/tags", self._inference.model)


async def _loaded(looking: OllamaClient) -> list[str]:
    return [model.name for model in await looking.ps()]
