"""Runs recipes through the cache: each asks its model once for the same text."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Literal, TypedDict

from attrs import evolve

from refrain_cache import AsyncCache, Fingerprint, Outcome, fingerprint
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment import log_lines
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.errors import AnswerInvalid, EnrichmentError, InputRefused
from refrain_sidecar.enrichment.keeping import kept
from refrain_sidecar.enrichment.recipes.definition import Definition, Given
from refrain_sidecar.enrichment.schemas import checker, parsed
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import ModelMissing
from refrain_sidecar.inference.last_known import Identity
from refrain_sidecar.inference.ollama.messages import Message
from refrain_sidecar.inference.reaching.names import same_model

KIND = "recipe"

# Hears of each piece of text as the model writes it.
Told = Callable[[str], None]


def silent(_: str) -> None:
    """Of a run nobody follows."""


class RecipeProvenance(TypedDict):
    """What made an answer."""

    engine: Literal["ollama", "embedded"]
    model: str
    digest: str
    version: str


class RecipeAnswer(TypedDict):
    """What a recipe answered: text, or the JSON that its schema asks for."""

    output: Any
    provenance: RecipeProvenance


class AnswerCut(EnrichmentError):
    """The cap cut the answer: given to whoever asked, and not kept."""

    def __init__(self, answer: RecipeAnswer, cap: int) -> None:
        super().__init__(
            f"the answer was cut at {cap} tokens; a higher options.num_predict lets it end"
        )
        self.answer = answer


class AsyncRecipes:
    """Runs recipes over one cache. Belongs to one event loop."""

    def __init__(
        self,
        cache: AsyncCache,
        chooser: EngineChooser,
        settings: Settings,
        log: logging.Logger = logging.getLogger("refrain"),  # noqa: B008 - a name, no state
    ) -> None:
        self._cache = cache
        self._settings = settings
        self._log = log
        self._asking = Asking(chooser, settings)
        self._others: dict[str, Asking] = {}

    async def close(self) -> None:
        """Close the connections to models that only recipes name."""
        for asking in self._others.values():
            await asking.chooser.close()

    async def run(
        self, recipe: Definition, given: Given, *, fresh: bool = False, told: Told = silent
    ) -> Outcome[RecipeAnswer]:
        """What the recipe's model answers, and how that came about.

        `told` hears the text as it is written; of a stored answer, of JSON, or of one that another
        caller is asking for, it hears nothing. An answer that the cap cuts is given with the
        outcome "refused". Raises InputRefused, InferenceError, AnswerInvalid; nothing is stored.
        """
        began = time.perf_counter()
        used, messages = recipe.filled(given)
        asking = self._asking_of(recipe.model)
        key = ""

        def asked(known: Identity) -> Fingerprint:
            nonlocal key
            made = self._fingerprint(recipe, used, asking, known)
            key = made.key
            return made

        try:
            outcome = await kept(
                self._cache,
                asking.chooser,
                asked,
                lambda engine: self._answer(recipe, messages, asking, engine, told),
                fresh=fresh,
                validate=_validate(recipe),
                label=lambda _: recipe.name,
            )
        except AnswerCut as cut:
            took_ms = (time.perf_counter() - began) * 1000
            outcome = Outcome(
                cut.answer, "refused", None, key, str(cut), 0.0, took_ms, took_ms, 0.0
            )
        redact = self._settings.logging.redact
        line = log_lines.recipe(outcome, recipe.name, used.get("text") or "", redact=redact)
        self._log.info("%s", line)
        return outcome

    async def fingerprint(self, recipe: Definition, given: Given) -> Fingerprint:
        """What `run` looks up. Raises InputRefused, InferenceError."""
        used, _ = recipe.filled(given)
        asking = self._asking_of(recipe.model)
        return self._fingerprint(recipe, used, asking, await asking.chooser.known())

    def _asking_of(self, model: str | None) -> Asking:
        if model is None:
            return self._asking
        if model not in self._others:
            settings = self._settings
            named = evolve(settings, inference=evolve(settings.inference, model=model))
            chooser = EngineChooser(named, threads_in_force(named))
            main = self._asking.chooser
            # One embedded engine is enough, and whoever reads ahead has to pause for these too.
            chooser.embedded = main.embedded
            chooser.serving = lambda: main.serving()
            self._others[model] = Asking(chooser, named)
        return self._others[model]

    def _fingerprint(
        self, recipe: Definition, used: dict[str, Any], asking: Asking, known: Identity
    ) -> Fingerprint:
        if recipe.model is not None and not same_model(known.model, recipe.model):
            raise ModelMissing(
                f"The recipe {recipe.name!r} asks for the model {recipe.model!r}, and there is "
                f"only {known.model} ({known.name}). Pull it with `ollama pull {recipe.model}`, or "
                "take `model` out of the recipe."
            )
        identity = asking.identity(
            known,
            prompt=f"recipe {recipe.prompt_hash}",
            schema=recipe.output,
            cap=recipe.cap,
            sampling=recipe.options,
        )
        identity["options"]["think"] = recipe.think
        return fingerprint(KIND, used, identity=identity)

    async def _answer(
        self,
        recipe: Definition,
        messages: tuple[Message, ...],
        asking: Asking,
        engine: Engine,
        told: Told,
    ) -> RecipeAnswer:
        if recipe.think and not (await asking.abilities(engine)).thinks:
            raise InputRefused(
                f"{engine.model} does not think. Take `think` out of the recipe, or name another "
                "model in it."
            )
        options = {**recipe.options, "num_predict": recipe.cap}
        if recipe.output is not None:
            output = await self._json(recipe, messages, asking, engine, options)
        else:
            output = await _text(recipe, messages, asking, engine, options, told)
        return output

    async def _json(
        self,
        recipe: Definition,
        messages: tuple[Message, ...],
        asking: Asking,
        engine: Engine,
        options: dict[str, Any],
    ) -> RecipeAnswer:
        assert recipe.output is not None
        faults = []
        seed = options.get("seed", self._settings.inference.seed)
        # Asked once more under another seed: small models do not understand being corrected.
        for attempt in range(2):
            added = {**options, "seed": seed + attempt}
            pieces, cut = [], False
            async with aclosing(
                asking.said(engine, messages, added, schema=recipe.output, think=recipe.think)
            ) as chunks:
                async for chunk in chunks:
                    pieces.append(chunk.text)
                    cut = chunk.finish is not None and chunk.finish.done_reason == "length"
            try:
                return _answer(parsed("".join(pieces), recipe.output), engine)
            except ValueError as error:
                faults.append(f"it was cut at {recipe.cap} tokens" if cut else str(error))
                self._log.warning("%s's JSON for %s: %s", engine.model, recipe.name, faults[-1])
        raise AnswerInvalid(
            f"{engine.model} gave JSON that fails the recipe's schema, twice: "
            f"{'; then '.join(faults)}. Nothing was stored."
        )


async def _text(
    recipe: Definition,
    messages: tuple[Message, ...],
    asking: Asking,
    engine: Engine,
    options: dict[str, Any],
    told: Told,
) -> RecipeAnswer:
    pieces, cut = [], False
    async with aclosing(asking.said(engine, messages, options, think=recipe.think)) as chunks:
        async for chunk in chunks:
            if chunk.text:
                pieces.append(chunk.text)
                told(chunk.text)
            cut = chunk.finish is not None and chunk.finish.done_reason == "length"
    answer = _answer("".join(pieces).strip(), engine)
    if cut:
        raise AnswerCut(answer, recipe.cap)
    return answer


def _answer(output: Any, engine: Engine) -> RecipeAnswer:
    provenance = RecipeProvenance(
        engine=engine.name, model=engine.model, digest=engine.digest, version=engine.version
    )
    return RecipeAnswer(output=output, provenance=provenance)


def _validate(recipe: Definition) -> Callable[[RecipeAnswer], None]:
    def check(answer: RecipeAnswer) -> None:
        output = answer["output"]
        if recipe.output is not None:
            checker(recipe.output)(output)
        elif not isinstance(output, str) or not output:
            model = answer["provenance"]["model"]
            raise AnswerInvalid(f"{model} answered nothing. Nothing was stored.")

    return check
