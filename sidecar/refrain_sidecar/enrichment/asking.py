"""Asks the engine of the moment, always with the same options."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment.errors import AnswerInvalid
from refrain_sidecar.enrichment.schemas import Schema, parsed
from refrain_sidecar.inference.abilities import Abilities, KnownAbilities
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.last_known import Identity
from refrain_sidecar.inference.ollama.messages import (
    OLLAMA_MAX_LOGPROBS,
    ChatRequest,
    Chunk,
    GenerateRequest,
    Generation,
    Message,
)
from refrain_sidecar.inference.ollama.options import (
    frozen_options,
    shaping_options,
    stays_loaded,
)

LOG = logging.getLogger("refrain")

# The log-probability of each token that may come next, by its text.
Logprobs = Mapping[str, float]

NO_SAMPLING: Mapping[str, Any] = MappingProxyType({})


class Asking:
    """One way to ask for both stages, so that no request makes the engine load the model anew."""

    def __init__(self, chooser: EngineChooser, settings: Settings) -> None:
        self.chooser = chooser
        self._inference = settings.inference
        self._options = frozen_options(settings.inference, threads_in_force(settings))
        self._abilities = KnownAbilities(chooser, settings, self._options)
        self._keep_alive = stays_loaded(settings.inference)

    @property
    def num_ctx(self) -> int:
        """The context in tokens."""
        return self._inference.num_ctx

    async def abilities(self, engine: Engine) -> Abilities:
        """What the engine can do with its model. Raises InferenceError."""
        return await self._abilities.of(engine)

    def identity(
        self,
        engine: Identity,
        *,
        prompt: str,
        schema: Any,
        cap: int,
        sampling: Mapping[str, Any] = NO_SAMPLING,
    ) -> dict[str, Any]:
        """What of engine and options belongs in a fingerprint."""
        options = {**shaping_options(self._options), **sampling, "num_predict": cap}
        return {
            "model": engine.model,
            "digest": engine.digest,
            "engine": engine.name,
            "version": engine.version,
            "prompt": prompt,
            "schema": schema,
            "options": {**options, "think": False},
        }

    async def load(self, engine: Engine) -> None:
        """Have the model in memory, with the options every request carries."""
        await engine.client.load(engine.model, self._options, self._keep_alive)

    async def read(self, engine: Engine, messages: Sequence[Message]) -> None:
        """Have the engine read `messages`, so that its next answer to them begins sooner."""
        await self._whole(engine, messages, {"num_predict": 1})

    async def next_token(
        self, engine: Engine, messages: Sequence[Message], *, tokens: Sequence[str] = ()
    ) -> Logprobs:
        """What may follow `messages`, by log-probability.

        That is `tokens`, where the engine scores what it is given, else the likeliest 20; nothing
        if it tells none.
        """
        abilities = await self.abilities(engine)
        if not abilities.logprobs:
            return {}
        answer = await self._whole(
            engine,
            messages,
            {"num_predict": 1},
            top_logprobs=OLLAMA_MAX_LOGPROBS,
            tokens=tuple(tokens) if abilities.scores_words else (),
        )
        return dict(answer.logprobs[0].top) if answer.logprobs else {}

    async def text(
        self,
        engine: Engine,
        messages: Sequence[Message],
        *,
        cap: int,
        attempt: int,
        warmer: float,
        sampling: Mapping[str, Any],
    ) -> AsyncGenerator[str, None]:
        """How the model goes on after `messages`, piece by piece, in at most `cap` tokens.

        What the model ended itself ends with a line end; what the cap ended does not. `attempt`
        counts from 0; each has another seed and a temperature higher by `warmer`.
        Closing it (`contextlib.aclosing`) stops the model.
        """
        own = {
            "seed": self._inference.seed + attempt,
            "temperature": self._inference.temperature + warmer * attempt,
        }
        added = {**sampling, **own, "num_predict": cap}
        async with aclosing(await self._pieces(engine, messages, added)) as chunks:
            async for chunk in chunks:
                yield chunk.text
                if chunk.finish is not None and chunk.finish.done_reason == "stop":
                    yield "\n"

    async def json(
        self,
        engine: Engine,
        messages: Sequence[Message],
        schema: Schema,
        *,
        cap: int,
        check: Callable[[Any], None] = lambda _: None,
        sampling: Mapping[str, Any] = NO_SAMPLING,
    ) -> Any:
        """The JSON the model writes under `schema`, at most `cap` tokens of it.

        `check` raises ValueError for what no schema can say; `sampling` is added to the options.
        An answer that fails either is asked for once more, under another seed: the prompt's state
        is still in the engine, and small models do not understand being corrected. Raises
        AnswerInvalid when that fails too, and InferenceError.
        """
        seeds = (self._inference.seed, self._inference.seed + 1)
        faults: list[str] = []
        for seed in seeds:
            options = {**sampling, "num_predict": cap, "seed": seed}
            answer = await self._whole(engine, messages, options, schema=schema)
            try:
                value = parsed(answer.text, schema)
                check(value)
            except ValueError as error:
                faults.append(str(error))
                LOG.warning("%s's JSON failed its schema: %s", engine.model, error)
                continue
            return value
        raise AnswerInvalid(
            f"{engine.model} gave JSON that fails its schema, twice: {'; then '.join(faults)}. "
            "Nothing was stored. Try again, or choose a larger model in perf_config.json "
            "(inference.model)."
        )

    def said(
        self,
        engine: Engine,
        messages: Sequence[Message],
        added: Mapping[str, Any],
        *,
        schema: Schema | None = None,
        think: bool = False,
    ) -> AsyncGenerator[Chunk, None]:
        """The answer to a whole conversation, piece by piece, by the model's own template.

        Closing it (`contextlib.aclosing`) stops the model.
        """
        return engine.client.stream_chat(
            ChatRequest(
                engine.model,
                tuple(messages),
                format=schema,
                options={**self._options, **added},
                keep_alive=self._keep_alive,
                think=think,
            )
        )

    async def _whole(
        self,
        engine: Engine,
        messages: Sequence[Message],
        added: Mapping[str, Any],
        *,
        schema: Schema | None = None,
        top_logprobs: int = 0,
        tokens: tuple[str, ...] = (),
    ) -> Generation:
        asked = await self._request(
            engine, messages, added, schema=schema, top_logprobs=top_logprobs, tokens=tokens
        )
        if isinstance(asked, ChatRequest):
            return await engine.client.chat(asked)
        return await engine.client.generate(asked)

    async def _pieces(
        self, engine: Engine, messages: Sequence[Message], added: Mapping[str, Any]
    ) -> AsyncGenerator[Chunk, None]:
        asked = await self._request(engine, messages, added)
        if isinstance(asked, ChatRequest):
            return engine.client.stream_chat(asked)
        return engine.client.stream_generate(asked)

    async def _request(
        self,
        engine: Engine,
        messages: Sequence[Message],
        added: Mapping[str, Any],
        *,
        schema: Schema | None = None,
        top_logprobs: int = 0,
        tokens: tuple[str, ...] = (),
    ) -> GenerateRequest | ChatRequest:
        """Raw where the model's form is known: a chat may open another turn after a beginning.

        Where pictures go only the model's own template knows.
        """
        form = (await self.abilities(engine)).form
        options = {**self._options, **added}
        if form is None or any(message.images for message in messages):
            return ChatRequest(
                engine.model,
                tuple(messages),
                format=schema,
                options=options,
                keep_alive=self._keep_alive,
                top_logprobs=top_logprobs,
            )
        return GenerateRequest(
            engine.model,
            form.prompt(messages),
            raw=True,
            format=schema,
            options=options,
            keep_alive=self._keep_alive,
            top_logprobs=top_logprobs,
            logprob_tokens=tokens,
        )
