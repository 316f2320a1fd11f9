"""Stage 1: the feeling of a text, its place on the wheel, and what it tells."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from refrain_cache import AsyncCache, Fingerprint, Outcome, fingerprint
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import log_lines, prompts, schemas
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.keeping import OFFLINE, kept
from refrain_sidecar.enrichment.language import language_warning
from refrain_sidecar.enrichment.phase import Moment, Phase, phase_of
from refrain_sidecar.enrichment.results import Enrichment
from refrain_sidecar.enrichment.stage1.naming import Named, Naming
from refrain_sidecar.enrichment.stage1.reading import RESERVED_TOKENS, Reading, read
from refrain_sidecar.enrichment.stage1.readout import method_hash
from refrain_sidecar.enrichment.stage1.scoring import LOW_CONFIDENCE, Scored
from refrain_sidecar.enrichment.stage1.telling import Told, tell
from refrain_sidecar.enrichment.text import checked
from refrain_sidecar.enrichment.wheel import WHEEL, Place
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import RequestRefused
from refrain_sidecar.inference.last_known import Identity

KIND = "stage1_enrichment"

# A refused prompt is tried again with half the text, so often: the estimate of its tokens, high as
# it is, may still be short for a tokenizer we do not know.
_CUTS = 3

_check = schemas.checker(schemas.ENRICHMENT)


class AsyncHybridScorer:
    """Names feelings by the model's own probabilities and lets it tell what they are about."""

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
        self._naming = Naming(self._asking, settings)

    async def prepare(self) -> None:
        """Load the model and compute what every text needs. Raises InferenceError."""
        engine = await self._asking.chooser.engine()
        await self._asking.load(engine)
        await self._naming.prepare(engine)

    async def score(
        self,
        text: str,
        history: Sequence[str] | None = None,
        timestamp: Moment = None,
        *,
        fresh: bool = False,
    ) -> Outcome[Enrichment]:
        """The enrichment of `text` and how it came about; `fresh` computes it anew.

        `history` (earlier texts) does not change what a text says, so the same text stays one
        entry whatever came before it. Of `timestamp` (a datetime or ISO 8601) only the phase of
        day counts.

        Raises InputRefused, InferenceError, AnswerInvalid; nothing is stored then.
        """
        tidy, phase = checked(text), phase_of(timestamp)
        outcome = await kept(
            self._cache,
            self._asking.chooser,
            lambda known: self._fingerprint(tidy, phase, known),
            lambda engine: self._compute(tidy, phase, engine),
            fresh=fresh,
            validate=validate,
            label=_label,
        )
        if outcome.reason == OFFLINE:
            outcome.value["provenance"]["offline"] = True
        redact = self._settings.logging.redact
        self._log.info("%s", log_lines.stage1(outcome, tidy, redact=redact))
        return outcome

    async def enrich(
        self, text: str, history: Sequence[str] | None = None, timestamp: Moment = None
    ) -> Enrichment:
        """`score` without how it came about."""
        return (await self.score(text, history, timestamp)).value

    async def fingerprint(self, text: str, timestamp: Moment = None) -> Fingerprint:
        """What `score` looks `text` up under. Raises InputRefused, InferenceError."""
        tidy, phase = checked(text), phase_of(timestamp)
        return self._fingerprint(tidy, phase, await self._asking.chooser.known())

    def _fingerprint(self, text: str, phase: Phase | None, engine: Identity) -> Fingerprint:
        identity = self._asking.identity(
            engine,
            prompt=f"{prompts.STAGE1_ID} {prompts.STAGE1_HASH} {method_hash()}",
            schema=schemas.ENRICHMENT_HASH,
            cap=self._settings.inference.num_predict_short,
        )
        params = {} if phase is None else {"phase": phase}
        return fingerprint(KIND, text, params=params, identity=identity)

    async def _compute(self, text: str, phase: Phase | None, engine: Engine) -> Enrichment:
        budget = max(self._asking.num_ctx - RESERVED_TOKENS, 1)
        for cut in range(_CUTS):
            reading = read(text, budget >> cut)
            try:
                return await self._answer(reading, phase, engine)
            except RequestRefused as error:
                if read(text, budget >> (cut + 1)).text == reading.text:
                    raise
                self._log.info("Half of the text is tried: %s", error.message)
        return await self._answer(read(text, budget >> _CUTS), phase, engine)

    async def _answer(self, reading: Reading, phase: Phase | None, engine: Engine) -> Enrichment:
        named = await self._naming.name(engine, reading.text, phase)
        told = tell(reading.text, named.scored, named.of_the_reader)
        lacks = (await self._asking.abilities(engine)).lacks
        return _enrichment(reading, named, told, engine, lacks)


def validate(value: Any) -> None:
    """Raises ValueError for what is no Enrichment on the wheel."""
    _check(value)
    wheel = value["wheel"]
    if not WHEEL.has(Place(**wheel)):
        raise ValueError(f"{wheel} is not a place on the wheel")


def _label(value: Enrichment) -> str:
    wheel = value["wheel"]
    return f"{wheel['primary']}/{wheel['secondary']}/{wheel['tertiary']}"


def _enrichment(
    reading: Reading, named: Named, told: Told, engine: Engine, lacks: Sequence[str]
) -> Enrichment:
    scored: Scored = named.scored
    language = language_warning(reading.text)
    return Enrichment(
        text_chars=reading.chars,
        wheel={
            "primary": scored.place.primary,
            "secondary": scored.place.secondary,
            "tertiary": scored.place.tertiary,
        },
        scores=dict(scored.scores),
        confidence=scored.confidence,
        low_confidence=scored.confidence < LOW_CONFIDENCE,
        valence=scored.valence,
        arousal=scored.arousal,
        invoked=list(told.invoked),
        expressed=list(told.expressed),
        events=list(told.events),
        warnings=[*reading.warnings, *([language] if language else [])],
        provenance={
            "engine": engine.name,
            "model": engine.model,
            "digest": engine.digest,
            "version": engine.version,
            "prompt": prompts.STAGE1_ID,
            "way": named.way,
            "lacks": list(lacks),
        },
    )
