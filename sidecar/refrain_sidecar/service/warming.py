"""Warm the cache: enrich texts, and write to feelings, before anyone waits for them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator

import attrs

from refrain_sidecar import protocol
from refrain_sidecar.enrichment import EnrichmentError, InputRefused
from refrain_sidecar.enrichment.wheel import WHEEL, Place
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.service.assembly import Assembly
from refrain_sidecar.service.stages import Progress, enrich

# What to call it, and a way to do it that tells whether the cache had all of it.
Job = tuple[str, Callable[[], Awaitable[bool]]]


async def warm(
    parts: Assembly, params: protocol.WarmParams, progress: Progress
) -> protocol.WarmResult:
    """Enrich `params.texts`, write to `params.feelings`; one at a time, as one engine answers.

    A failure counts and goes on. Raises InputRefused when a feeling is not on the wheel.
    """
    began = time.perf_counter()
    jobs = [*_texts(parts, params.texts), *_feelings(parts, params)]
    computed = cached = 0
    errors: list[str] = []
    for number, (name, job) in enumerate(jobs, 1):
        if params.request_id is not None:
            message = f"{number} of {len(jobs)}: {name}"
            progress(protocol.EnrichProgress(params.request_id, "warm", message))
        try:
            if await job():
                cached += 1
            else:
                computed += 1
        except (InferenceError, EnrichmentError, InputRefused) as error:
            errors.append(f"{name}: {error}")
    total_ms = (time.perf_counter() - began) * 1000
    return protocol.WarmResult(len(jobs), computed, cached, len(errors), errors, total_ms)


def _texts(parts: Assembly, texts: list[str]) -> Iterator[Job]:
    for number, text in enumerate(texts, 1):

        async def job(text: str = text) -> bool:
            result = await enrich(parts, protocol.EnrichParams(text))
            return all(stage.outcome == "hit" for stage in result.stages)

        yield f"text {number}", job


def _feelings(parts: Assembly, params: protocol.WarmParams) -> Iterator[Job]:
    places = [_place(feeling) for feeling in params.feelings]
    if params.common:
        places += [WHEEL.place(secondary.tertiaries[0]) for secondary in WHEEL.secondaries]
    for place in dict.fromkeys(places):

        async def job(place: Place = place) -> bool:
            outcome = await parts.post_enricher.write({"wheel": attrs.asdict(place)})
            return outcome.outcome == "hit"

        yield str(place), job


def _place(feeling: str) -> Place:
    words = [word.strip() for word in feeling.split("/")]
    if len(words) == 3 and WHEEL.has(place := Place(*words)):
        return place
    raise InputRefused(
        f"{feeling!r} is not on the wheel. Write primary/secondary/tertiary, for example "
        f"{next(iter(WHEEL.places))}."
    )
