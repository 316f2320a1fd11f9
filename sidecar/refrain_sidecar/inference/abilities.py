"""What a model on its engine can do, found out once per model digest and engine version."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import EngineFailed, RequestRefused
from refrain_sidecar.inference.found_out import FoundOut
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import (
    OLLAMA_MAX_LOGPROBS,
    ChatRequest,
    GenerateRequest,
    Generation,
    Message,
)
from refrain_sidecar.inference.ollama.options import stays_loaded
from refrain_sidecar.inference.prompt_form import PromptForm, of_family, sample, taken_apart

log = logging.getLogger("refrain.inference")

# What was found out is asked anew when this changes, as it must when a field does.
_NAME = "abilities-2"


@frozen
class Abilities:
    """Code asks these, never an engine's name.

    `form` is how the model wants a prompt, None if nobody tells: then it is asked by chat, and may
    not go on with what was begun for it. `logprobs` is how many alternatives a token it tells (0:
    none), `scores_words` whether it scores any words it is given, `keeps_prompts` whether it keeps
    the state of several prompts at once. `sees` names the formats in which it takes pictures, ()
    if it sees none. `family` names what the model was
    trained as (such as `llama smollm2 135M`), whatever its weights were packed to; "" if not told.
    """

    form: PromptForm | None
    logprobs: int
    scores_words: bool
    keeps_prompts: bool
    thinks: bool
    sees: tuple[str, ...]
    family: str

    @property
    def lacks(self) -> tuple[str, ...]:
        """What has to be done in a lesser way, for people."""
        lacking = []
        if self.form is None:
            lacking.append("its prompt form is not known: it is asked by chat")
        if not self.logprobs:
            lacking.append("it tells no log-probabilities: feelings are generated")
        return tuple(lacking)


class KnownAbilities:
    """Finds out about each model once.

    `options` are those that every request carries, so that asking loads no model anew.
    """

    def __init__(
        self, chooser: EngineChooser, settings: Settings, options: Mapping[str, Any]
    ) -> None:
        self._known = FoundOut(chooser, settings, _NAME, Abilities)
        self._options = options
        self._keep_alive = stays_loaded(settings.inference)

    async def of(self, engine: Engine) -> Abilities:
        """What `engine` can do with its model. Raises InferenceError."""

        async def find() -> Abilities:
            found = await found_out(engine.client, engine.model, self._options, self._keep_alive)
            for lacking in found.lacks:
                log.info("%s: %s.", engine.model, lacking)
            return found

        return await self._known.of(engine, find)


async def found_out(
    client: OllamaClient, model: str, options: Mapping[str, Any], keep_alive: str | int
) -> Abilities:
    """Asks the engine, with what every request carries. Raises InferenceError."""
    version = await client.version()
    shown = await client.show(model)
    capabilities = shown.get("capabilities") or ()
    trying = _Trying(client, model, {**options, "num_predict": 1}, keep_alive)
    form = await trying.form(str(shown.get("template") or ""))
    most = version.max_logprobs
    answer = await trying.answer(form, most)
    if answer is None and form and await trying.answer(form, 0) is None:
        # It is raw prompts that it does not take.
        form = None
        answer = await trying.answer(form, most)
    logprobs = most if answer and any(token.top for token in answer.logprobs) else 0
    return Abilities(
        form=form,
        logprobs=logprobs,
        scores_words=logprobs > OLLAMA_MAX_LOGPROBS,
        keeps_prompts=version.keeps_prompts,
        thinks="thinking" in capabilities,
        sees=_seen(shown) if "vision" in capabilities else (),
        family=_family(shown.get("model_info") or {}),
    )


@frozen
class _Trying:
    """Ways of asking `model`, tried out with what every request carries, for a token each."""

    client: OllamaClient
    model: str
    options: Mapping[str, Any]
    keep_alive: str | int

    async def form(self, template: str) -> PromptForm | None:
        for system in (True, False):
            try:
                rendered = await self.client.rendered(self._chat(sample(system=system)))
            except (RequestRefused, EngineFailed) as error:
                # Some templates refuse a conversation of this shape, such as one with instructions.
                log.info("%s renders no such conversation: %s", self.model, error.message)
                continue
            if rendered is None:
                return of_family(template)
            if (form := taken_apart(rendered)) is not None:
                return form
        return of_family(template)

    async def answer(self, form: PromptForm | None, most: int) -> Generation | None:
        """An answer as it will be asked for, with log-probabilities if `most`; None: refused."""
        said = (Message("user", "How do you feel?"), Message("assistant", "I feel"))
        top = min(most, OLLAMA_MAX_LOGPROBS)
        try:
            if form is None:
                return await self.client.chat(self._chat(said, top))
            return await self.client.generate(
                GenerateRequest(
                    self.model,
                    form.prompt(said),
                    raw=True,
                    options=self.options,
                    keep_alive=self.keep_alive,
                    top_logprobs=top,
                )
            )
        except RequestRefused as error:
            log.info("%s refuses a way of asking: %s", self.model, error.message)
            return None

    def _chat(self, said: tuple[Message, ...], top_logprobs: int = 0) -> ChatRequest:
        return ChatRequest(
            self.model,
            said,
            options=self.options,
            keep_alive=self.keep_alive,
            top_logprobs=top_logprobs,
        )


def _seen(shown: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a model that sees with a projector beside it, Ollama's runner (0.24) reads no WebP: it
    ends on one. Those that see by themselves run in Ollama's own, which does.
    """
    return ("PNG", "JPEG") if shown.get("projector_info") else ("PNG", "JPEG", "WebP")


def _family(info: Mapping[str, Any]) -> str:
    facts = (info.get(f"general.{name}") for name in ("architecture", "basename", "size_label"))
    return " ".join(str(fact).lower() for fact in facts if fact)
