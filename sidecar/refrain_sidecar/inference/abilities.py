"""What a model on its engine can do, found out once per model digest and engine version."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.errors import EngineFailed, RequestRefused
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import (
    OLLAMA_MAX_LOGPROBS,
    ChatRequest,
    GenerateRequest,
    Generation,
    Message,
)
from refrain_sidecar.inference.prompt_form import PromptForm, of_family, sample, taken_apart
from refrain_sidecar.inference.remembered import Remembered

log = logging.getLogger("refrain.inference")

# What was found out is asked anew when this changes, as it must when a field does.
_NAME = "abilities-1"


@frozen
class Abilities:
    """Code asks these, never an engine's name.

    `form` is how the model wants a prompt, None if nobody tells: then it is asked by chat, and may
    not go on with what was begun for it. `logprobs` is how many alternatives a token it tells (0:
    none), `scores_words` whether it scores any words it is given, `keeps_prompts` whether it keeps
    the state of several prompts at once. `family` names what the model was
    trained as (such as `llama smollm2 135M`), whatever its weights were packed to; "" if not told.
    """

    form: PromptForm | None
    logprobs: int
    scores_words: bool
    keeps_prompts: bool
    thinks: bool
    sees: bool
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
    """Finds out about each model once: per process, and with a cache per machine.

    `options` are those that every request carries, so that asking loads no model anew.
    """

    def __init__(self, settings: Settings, options: Mapping[str, Any]) -> None:
        self._remembered = Remembered(settings.caching)
        self._options = options
        self._known: dict[tuple[str, str], Abilities] = {}
        self._finding = asyncio.Lock()

    async def of(self, engine: Engine) -> Abilities:
        """What `engine` can do with its model. Raises InferenceError."""
        who = (engine.digest, engine.version)
        if (known := self._known.get(who)) is not None:
            return known
        async with self._finding:
            if who not in self._known:
                found = self._remembered.read(_NAME, who, Abilities)
                if found is None:
                    found = await found_out(engine.client, engine.model, self._options)
                    self._remembered.keep(_NAME, who, found)
                    for lacking in found.lacks:
                        log.info("%s: %s.", engine.model, lacking)
                self._known[who] = found
        return self._known[who]


async def found_out(client: OllamaClient, model: str, options: Mapping[str, Any]) -> Abilities:
    """Asks the engine, with the `options` that every request carries. Raises InferenceError."""
    version = await client.version()
    shown = await client.show(model)
    capabilities = shown.get("capabilities") or ()
    form = await _form(client, model, str(shown.get("template") or ""), options)
    most = version.max_logprobs
    answer = await _answer(client, model, form, most, options)
    if answer is None and form and await _answer(client, model, form, 0, options) is None:
        # It is raw prompts that it does not take.
        form = None
        answer = await _answer(client, model, form, most, options)
    logprobs = most if answer and any(token.top for token in answer.logprobs) else 0
    return Abilities(
        form=form,
        logprobs=logprobs,
        scores_words=logprobs > OLLAMA_MAX_LOGPROBS,
        keeps_prompts=version.keeps_prompts,
        thinks="thinking" in capabilities,
        sees="vision" in capabilities,
        family=_family(shown.get("model_info") or {}),
    )


async def _form(
    client: OllamaClient, model: str, template: str, options: Mapping[str, Any]
) -> PromptForm | None:
    for system in (True, False):
        asked = ChatRequest(model, sample(system=system), options={**options, "num_predict": 1})
        try:
            rendered = await client.rendered(asked)
        except (RequestRefused, EngineFailed) as error:
            # Some templates refuse a conversation of this shape, such as one with instructions.
            log.info("%s renders no such conversation: %s", model, error.message)
            continue
        if rendered is None:
            return of_family(template)
        if (form := taken_apart(rendered)) is not None:
            return form
    return of_family(template)


async def _answer(
    client: OllamaClient,
    model: str,
    form: PromptForm | None,
    most: int,
    options: Mapping[str, Any],
) -> Generation | None:
    """A token asked for as it will be, with log-probabilities if `most`; None: it is refused."""
    said = (Message("user", "How do you feel?"), Message("assistant", "I feel"))
    capped, top = {**options, "num_predict": 1}, min(most, OLLAMA_MAX_LOGPROBS)
    try:
        if form is None:
            return await client.chat(ChatRequest(model, said, options=capped, top_logprobs=top))
        prompt = form.prompt(said)
        return await client.generate(
            GenerateRequest(model, prompt, raw=True, options=capped, top_logprobs=top)
        )
    except RequestRefused as error:
        log.info("%s refuses a way of asking: %s", model, error.message)
        return None


def _family(info: Mapping[str, Any]) -> str:
    facts = (info.get(f"general.{name}") for name in ("architecture", "basename", "size_label"))
    return " ".join(str(fact).lower() for fact in facts if fact)
