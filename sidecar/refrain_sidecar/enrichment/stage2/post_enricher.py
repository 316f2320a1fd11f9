"""Stage 2: a poem, tips and a closing line for feelings. It never sees the text."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from refrain_cache import AsyncCache, Fingerprint, Outcome, fingerprint
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import log_lines, schemas
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.errors import InputRefused
from refrain_sidecar.enrichment.keeping import kept
from refrain_sidecar.enrichment.phase import Moment, Phase, phase_of
from refrain_sidecar.enrichment.results import Enrichment, PostEnriched, PostEnrichment
from refrain_sidecar.enrichment.stage2 import writing_prompt
from refrain_sidecar.enrichment.stage2.line_writing import (
    SAMPLING,
    Told,
    read_examples,
    silent,
    write_lines,
)
from refrain_sidecar.enrichment.stage2.writing import check_writing
from refrain_sidecar.enrichment.wheel import WHEEL, Place
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.last_known import Identity

KIND = "stage2_enrichment"


class AsyncPostEnricher:
    """Writes to feelings: different texts with the same feelings share one answer."""

    def __init__(
        self,
        cache: AsyncCache,
        chooser: EngineChooser,
        settings: Settings,
        log: logging.Logger = logging.getLogger("refrain"),  # noqa: B008 - a name, no state
    ) -> None:
        self._cache = cache
        self._cap = settings.inference.num_predict_long
        self._log = log
        self._asking = Asking(chooser, settings)

    async def prepare(self) -> None:
        """Have the engine read what stands before every feeling: a second each, once.

        Only one that keeps all of it beside Stage 1's. Others may have one slot, and what Stage 1
        prepared there is worth more. Raises InferenceError.
        """
        engine = await self._asking.chooser.engine()
        if (await self._asking.abilities(engine)).keeps_prompts:
            for primary in WHEEL.primaries:
                await read_examples(self._asking, engine, primary)

    async def write(
        self,
        result: Mapping[str, Any],
        *,
        timestamp: Moment = None,
        fresh: bool = False,
        told: Told = silent,
    ) -> Outcome[PostEnrichment]:
        """What is written to the feelings of `result`, of which `wheel` and `invoked` are read.

        Of `timestamp` only the phase of day counts. `told` hears of each line (its place from 0,
        its text) while the model writes; of a stored answer it hears nothing. Raises InputRefused
        when `result` is not on the wheel, InferenceError, AnswerInvalid; nothing is stored then.
        """
        place, invoked = feelings_of(result)
        phase = phase_of(timestamp)
        outcome = await kept(
            self._cache,
            self._asking.chooser,
            lambda known: self._fingerprint(place, invoked, phase, known),
            lambda engine: self._compute(place, invoked, phase, engine, told),
            fresh=fresh,
            validate=check_writing,
            label=lambda _: str(place),
        )
        self._log.info("%s", log_lines.stage2(outcome, place.primary, place.secondary))
        return outcome

    async def run_post_enrichment(
        self, result: Enrichment, *, timestamp: Moment = None
    ) -> PostEnriched:
        """`result` with `post_enrichment` added."""
        outcome = await self.write(result, timestamp=timestamp)
        return PostEnriched(**result, post_enrichment=outcome.value)

    async def fingerprint(
        self, result: Mapping[str, Any], *, timestamp: Moment = None
    ) -> Fingerprint:
        """What `write` looks `result` up under. Raises InputRefused, InferenceError."""
        place, invoked = feelings_of(result)
        known = await self._asking.chooser.known()
        return self._fingerprint(place, invoked, phase_of(timestamp), known)

    def _fingerprint(
        self, place: Place, invoked: tuple[str, ...], phase: Phase | None, engine: Identity
    ) -> Fingerprint:
        content = {
            "primary": place.primary,
            "secondary": place.secondary,
            "tertiary": place.tertiary,
            "invoked": list(invoked),
        }
        identity = self._asking.identity(
            engine,
            prompt=f"{writing_prompt.STAGE2_ID} {writing_prompt.STAGE2_HASH}",
            schema=schemas.WRITING,
            cap=self._cap,
            sampling=SAMPLING,
        )
        params = {} if phase is None else {"phase": phase}
        # Feelings alone name nobody, and said openly they explain a miss.
        return fingerprint(KIND, content, params=params, identity=identity, private=())

    async def _compute(
        self,
        place: Place,
        invoked: tuple[str, ...],
        phase: Phase | None,
        engine: Engine,
        told: Told,
    ) -> PostEnrichment:
        return await write_lines(
            self._asking, engine, place, invoked, phase, cap=self._cap, told=told
        )


def feelings_of(result: Mapping[str, Any]) -> tuple[Place, tuple[str, ...]]:
    """The place and the invoked feelings (in one order) of a Stage 1 result.

    Raises InputRefused for what is not on the wheel.
    """
    try:
        wheel, invoked = result["wheel"], result.get("invoked", ())
        place = Place(wheel["primary"], wheel["secondary"], wheel["tertiary"])
        named = tuple(sorted(set(invoked)))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputRefused(
            f"Stage 2 needs a result of Stage 1 with `wheel` and `invoked`: {error!r}. "
            "Pass what HybridScorer.enrich() returned."
        ) from error
    if not WHEEL.has(place):
        raise InputRefused(f"{place} is not a place on the feelings wheel.")
    strangers = [word for word in named if word not in WHEEL.words]
    if strangers:
        raise InputRefused(f"Not on the feelings wheel: {', '.join(map(str, strangers))}.")
    return place, named
