"""Names the feeling of a text by what the model gives feeling words as the next one."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from attrs import frozen

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import prompts
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.lexicon import PLACES
from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.results import Way
from refrain_sidecar.enrichment.schemas import feeling
from refrain_sidecar.enrichment.stage1.evidence import ORDINARY, Heard, Logprobs, leaning
from refrain_sidecar.enrichment.stage1.readout import Readout, fitted
from refrain_sidecar.enrichment.stage1.scoring import Scored, at, scored
from refrain_sidecar.enrichment.stage1.wording import wording
from refrain_sidecar.enrichment.wheel import WHEEL
from refrain_sidecar.inference.abilities import Abilities
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.found_out import FoundOut

LOG = logging.getLogger("refrain")

# How often one word generated under a schema is right about the primary: FACTS for SmolLM2-135M
# (14 of 36). Too low for larger models, and an understatement does less harm.
GENERATED_CONFIDENCE = 0.39
# Tokens for `{"feeling":"…"}` with the longest word.
_GENERATED_CAP = 24
# Words asked of an engine that scores what it is given, with the blank before them as they would
# follow in a sentence.
WORDS = tuple(f" {word}" for word in PLACES)


@frozen
class Named:
    """A place on the wheel, the way it was found, and the tokens for what a reader will feel."""

    scored: Scored
    way: Way
    of_the_reader: Logprobs


@frozen
class Leaning:
    """What a model gives tokens on ordinary texts, for each beginning."""

    usual: tuple[Mapping[str, float], ...]


class Naming:
    """Finds out once, per model digest and prompt, what the model says of ordinary texts."""

    def __init__(self, asking: Asking, settings: Settings) -> None:
        self._asking = asking
        self._leanings = FoundOut(asking.chooser, settings, "leaning", Leaning)

    async def prepare(self, engine: Engine) -> None:
        """Have the leaning, and the state of the static prefix, before the first text comes."""
        wording().scores("")  # its files are read before the first text comes
        abilities = await self._asking.abilities(engine)
        if abilities.logprobs:
            if _readout(abilities) is None:
                await self._leaning(engine)
            await self.heard(engine, "")

    async def name(self, engine: Engine, text: str, phase: Phase | None = None) -> Named:
        """The feeling of `text` (defused and cut to size). Raises InferenceError, AnswerInvalid."""
        abilities = await self._asking.abilities(engine)
        heard = await self.heard(engine, text, phase) if abilities.logprobs else ()
        if not heard or not all(heard):
            return await self._generated(engine, text)
        readout = _readout(abilities)
        usual = readout.usual if readout else (await self._leaning(engine)).usual
        return Named(scored(text, heard, usual, readout), _way(abilities), heard[-1])

    async def heard(self, engine: Engine, text: str, phase: Phase | None = None) -> Heard:
        """What may follow each of the beginnings; nothing if the engine does not tell."""
        every_word = (await self._asking.abilities(engine)).scores_words
        return [
            await self._asking.next_token(engine, messages, tokens=WORDS)
            for messages in prompts.score_messages(text, phase, every_word=every_word)
        ]

    async def _leaning(self, engine: Engine) -> Leaning:
        async def find() -> Leaning:
            return Leaning(leaning([await self.heard(engine, text) for text in ORDINARY]))

        return await self._leanings.of(engine, find, prompts.SCORE_HASH)

    async def _generated(self, engine: Engine, text: str) -> Named:
        schema = feeling(WHEEL.tertiaries)
        messages = prompts.word_messages(text)
        answer = await self._asking.json(engine, messages, schema, cap=_GENERATED_CAP)
        return Named(at(WHEEL.place(answer["feeling"]), GENERATED_CONFIDENCE), "generated", {})


def _way(abilities: Abilities) -> Way:
    return "logprobs" if abilities.scores_words else "top_logprobs"


def _readout(abilities: Abilities) -> Readout | None:
    return fitted(abilities.family, prompts.SCORE_HASH, _way(abilities))
