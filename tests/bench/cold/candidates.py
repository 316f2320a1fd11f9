"""Who is timed: a naive client, the same with one lever pulled after another, and ours."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from attrs import define, frozen
from tests.bench.cold import answers

from refrain_cache import AsyncCache
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment import AsyncHybridScorer, AsyncPostEnricher
from refrain_sidecar.enrichment.results import Enrichment
from refrain_sidecar.inference.choose import Engine, EngineChooser

# Without a cap, a small model under a schema now and then writes until its context is full.
CAP = 512
Ask = Callable[[str], Awaitable[Any]]


@frozen
class Candidate:
    """A name, what it does better than the one before it, and how it answers a text."""

    name: str
    ask: Ask


@frozen
class Client:
    """An ordinary client of the Ollama API; each lever is a field."""

    engine: Engine
    threads: int
    instructions_first: bool = False
    minified: bool = False
    pooled: httpx.AsyncClient | None = None

    async def stage1(self, text: str, schema: answers.Schema = answers.STAGE1) -> Any:
        return await self._json(f'Text: "{text}"', answers.STAGE1_TASK, schema)

    async def stage2(self, text: str) -> Any:
        feelings = "Feeling: tired (sad), exhausted. Also: alone."
        return await self._json(f'{feelings}\nText: "{text}"', answers.STAGE2_TASK, answers.STAGE2)

    async def _json(self, varying: str, task: str, schema: answers.Schema) -> Any:
        if self.instructions_first:
            messages = [("system", task), ("user", varying)]
        else:
            messages = [("user", f"{varying}\n\n{task}")]
        body: dict[str, Any] = {
            "model": self.engine.model,
            "messages": [{"role": role, "content": content} for role, content in messages],
            "format": schema,
            "stream": False,
            # As many threads as ours: what they do beside other work is no lever of a client's.
            "options": {"num_predict": CAP, "num_thread": self.threads},
            # What Ollama does under a schema: the model may indent, and does.
            "free_blanks": not self.minified,
        }
        if self.pooled is not None:
            return await self._post(self.pooled, body)
        async with httpx.AsyncClient(timeout=600) as client:
            return await self._post(client, body)

    async def _post(self, client: httpx.AsyncClient, body: Mapping[str, Any]) -> Any:
        url, headers = f"{self.engine.base_url}/api/chat", self.engine.client.headers
        reply = await client.post(url, json=body, headers=headers)
        reply.raise_for_status()
        return json.loads(reply.json()["message"]["content"])


@define
class Ours:
    """Both stages as the sidecar runs them, without a cache: every answer is a cold one."""

    chooser: EngineChooser
    scorer: AsyncHybridScorer
    writer: AsyncPostEnricher
    feelings: Enrichment | None = None

    @classmethod
    def over(cls, cache: AsyncCache, chooser: EngineChooser, settings: Settings) -> Ours:
        return cls(
            chooser,
            AsyncHybridScorer(cache, chooser, settings),
            AsyncPostEnricher(cache, chooser, settings),
        )

    async def prepare(self) -> None:
        """What the sidecar does at its start, in the background."""
        await self.scorer.prepare()
        await self.writer.prepare()

    async def stage1(self, text: str) -> Any:
        self.feelings = await self.scorer.enrich(text)
        return self.feelings

    async def stage2(self, _: str) -> Any:
        """To the feelings of the last Stage 1; the text itself is not needed."""
        return (await self.writer.write(self.feelings or {})).value


def chooser(settings: Settings) -> EngineChooser:
    """An engine of one's own, if it is the embedded one."""
    return EngineChooser(settings, threads_in_force(settings))


async def timed(ask: Ask, text: str) -> tuple[float, bool]:
    """Milliseconds, and whether the answer was whole JSON."""
    began = time.perf_counter()
    try:
        await ask(text)
    except ValueError:
        return (time.perf_counter() - began) * 1e3, False
    return (time.perf_counter() - began) * 1e3, True
