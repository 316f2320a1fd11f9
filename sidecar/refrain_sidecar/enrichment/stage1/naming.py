"""Names the feeling of a text by what the model gives each word of the wheel."""

from __future__ import annotations

import asyncio
import logging

from attrs import frozen

from refrain_sidecar.enrichment import prompts
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.results import Way
from refrain_sidecar.enrichment.schemas import feeling
from refrain_sidecar.enrichment.stage1.evidence import (
    CONTENT_FREE,
    Logprobs,
    baseline,
    evidence,
    from_top,
)
from refrain_sidecar.enrichment.stage1.readout import fitted, plain
from refrain_sidecar.enrichment.stage1.scoring import Scored, at, scored
from refrain_sidecar.enrichment.wheel import WHEEL
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.ollama.messages import OLLAMA_MAX_LOGPROBS

LOG = logging.getLogger("refrain")

# How often one word generated under a schema is right about the primary: FACTS for SmolLM2-135M
# (14 of 36). Too low for larger models, and an understatement does less harm.
GENERATED_CONFIDENCE = 0.39
# Tokens for `{"feeling":"…"}` with the longest word.
_GENERATED_CAP = 24


@frozen
class Named:
    """A place on the wheel and the way it was found."""

    scored: Scored
    way: Way


class Naming:
    """Remembers, per model digest, what the model says of texts without content."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._baselines: dict[str, dict[str, float]] = {}
        self._observing = asyncio.Lock()

    async def prepare(self, engine: Engine) -> None:
        """Have the baseline, and the state of the static prefix, before the first text comes."""
        if await self._baseline(engine) is not None:
            await self.logprobs(engine, CONTENT_FREE[0])

    async def name(self, engine: Engine, text: str) -> Named:
        """The feeling of `text` (defused and cut to size). Raises InferenceError, AnswerInvalid."""
        usual = await self._baseline(engine)
        found = await self.logprobs(engine, text) if usual is not None else None
        if usual is None or found is None:
            return await self._generated(engine, text)
        readout = fitted(engine.digest, prompts.SCORE_HASH) if engine.scores_words else None
        way: Way = "logprobs" if engine.scores_words else "top_logprobs"
        return Named(scored(evidence(found, usual), readout or plain()), way)

    async def _baseline(self, engine: Engine) -> dict[str, float] | None:
        """None for an engine that tells no probabilities."""
        known = fitted(engine.digest, prompts.SCORE_HASH) if engine.scores_words else None
        if known is not None and known.baseline is not None:
            return dict(known.baseline)
        async with self._observing:
            if engine.digest not in self._baselines:
                observed = [await self.logprobs(engine, text) for text in CONTENT_FREE]
                seen = [one for one in observed if one is not None]
                if not seen:
                    LOG.info("%s tells no probabilities: feelings are generated.", engine.model)
                    return None
                self._baselines[engine.digest] = baseline(seen)
            return self._baselines[engine.digest]

    async def logprobs(self, engine: Engine, text: str) -> Logprobs | None:
        """How likely each word of the wheel follows; None if the engine does not tell."""
        messages = prompts.score_messages(text)
        if engine.scores_words:
            # With the blank before it, as the word would follow in a sentence.
            words = [f" {word}" for word in WHEEL.words]
            token = await self._asking.next_token(engine, messages, words=words)
            if token is None:
                return None
            return {word.strip(): logprob for word, logprob in token.top}
        if engine.max_logprobs < 1:
            return None
        top = min(engine.max_logprobs, OLLAMA_MAX_LOGPROBS)
        token = await self._asking.next_token(engine, messages, top=top)
        return None if token is None else from_top(token.top, WHEEL.words)

    async def _generated(self, engine: Engine, text: str) -> Named:
        schema = feeling(WHEEL.tertiaries)
        messages = prompts.word_messages(text)
        answer = await self._asking.json(engine, messages, schema, cap=_GENERATED_CAP)
        return Named(at(WHEEL.place(answer["feeling"]), GENERATED_CONFIDENCE), "generated")
