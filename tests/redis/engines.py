"""A hand-made Ollama that takes its time, so that many workers can be tried on few cores."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field
from starlette.requests import Request
from starlette.responses import Response
from tests.integration.enrichment.lesser_ollama import Ollama, Refused
from tests.integration.enrichment.serving import served

# A text with this word in it fails, whoever asks, as often as it is asked.
POISON = "poison"


@define
class WaitingEngine(Ollama):
    """Waits `wait_s` before each answer, and counts what it was asked, prompt by prompt."""

    wait_s: float = 0.0
    prompts: Counter[str] = field(factory=Counter)

    async def generate(self, request: Request) -> Response:
        prompt = (await request.json()).get("prompt", "")
        self.prompts[prompt] += 1
        await asyncio.sleep(self.wait_s)
        if POISON in prompt:
            raise Refused("it went wrong", 500)
        return await super().generate(request)

    def runs(self, text: str) -> int:
        """How often somebody set out to enrich a text."""
        return max((n for prompt, n in self.prompts.items() if text in prompt), default=0)


@asynccontextmanager
async def waiting_engine(wait_s: float = 0.0) -> AsyncIterator[tuple[WaitingEngine, str]]:
    """The engine and its base URL."""
    engine = WaitingEngine(wait_s=wait_s)
    async with served(engine.app()) as url:
        yield engine, url
