"""Asks the engine of the moment, always with the same options."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from refrain_sidecar.config.settings import InferenceSettings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment.errors import AnswerInvalid
from refrain_sidecar.enrichment.schemas import Schema, parsed
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import EngineUnreachable, ModelMissing
from refrain_sidecar.inference.last_known import Identity
from refrain_sidecar.inference.ollama.messages import (
    ChatAnswer,
    ChatRequest,
    Message,
    TokenLogprobs,
)
from refrain_sidecar.inference.ollama.options import frozen_options, shaping_options

LOG = logging.getLogger("refrain")


NO_SAMPLING: Mapping[str, Any] = MappingProxyType({})


class Asking:
    """One way to ask for both stages, so that no request makes the engine load the model anew."""

    def __init__(self, chooser: EngineChooser, inference: InferenceSettings) -> None:
        self.chooser = chooser
        self._inference = inference
        self._options = frozen_options(inference, threads_in_force(inference))

    @property
    def num_ctx(self) -> int:
        """The context in tokens."""
        return self._inference.num_ctx

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
        await engine.client.load(engine.model, self._options, self._inference.keep_alive)

    async def next_token(
        self,
        engine: Engine,
        messages: Sequence[Message],
        *,
        top: int = 0,
        words: Sequence[str] = (),
    ) -> TokenLogprobs | None:
        """What may follow `messages`: the `top` likeliest tokens, or `words` in their order.

        `words` are scored by the embedded engine only. None if the engine tells nothing.
        """
        answer = await self._chat(
            engine,
            messages,
            {"num_predict": 1},
            top_logprobs=max(top, 1),
            logprob_tokens=tuple(words),
        )
        return answer.logprobs[0] if answer.logprobs else None

    async def line(
        self,
        engine: Engine,
        messages: Sequence[Message],
        *,
        cap: int,
        attempt: int,
        warmer: float,
        sampling: Mapping[str, Any],
    ) -> str:
        """How the model goes on after `messages`, up to the end of the line or `cap` tokens.

        `attempt` counts from 0; each has another seed and a temperature higher by `warmer`.
        """
        own = {
            "seed": self._inference.seed + attempt,
            "temperature": self._inference.temperature + warmer * attempt,
        }
        added = {**sampling, **own, "num_predict": cap, "stop": ["\n"]}
        return (await self._chat(engine, messages, added)).text

    async def choice(
        self, engine: Engine, messages: Sequence[Message], options: Sequence[str], *, cap: int
    ) -> str:
        """The first of `options` that the model begins to say when it may say nothing else.

        Its first `cap` tokens decide: the rest of it is known. Raises InferenceError.
        """
        schema, greedy = {"enum": list(options)}, {"temperature": 0.0, "num_predict": cap}
        said = (await self._chat(engine, messages, greedy, schema=schema)).text
        for option in options:
            if json.dumps(option, ensure_ascii=False).startswith(said):
                return option
        raise AnswerInvalid(f"{engine.model} said {said!r}, which begins none of the choices.")

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
            answer = await self._chat(engine, messages, options, schema=schema)
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

    async def _chat(
        self,
        engine: Engine,
        messages: Sequence[Message],
        added: Mapping[str, Any],
        *,
        schema: Schema | None = None,
        top_logprobs: int = 0,
        logprob_tokens: tuple[str, ...] = (),
    ) -> ChatAnswer:
        request = ChatRequest(
            model=engine.model,
            messages=tuple(messages),
            format=schema,
            options={**self._options, **added},
            keep_alive=self._inference.keep_alive,
            top_logprobs=top_logprobs,
            logprob_tokens=logprob_tokens,
        )
        try:
            return await engine.client.chat(request)
        except (EngineUnreachable, ModelMissing) as error:
            LOG.info("The engine is chosen again with the next request: %s", error.message)
            self.chooser.forget()
            raise
