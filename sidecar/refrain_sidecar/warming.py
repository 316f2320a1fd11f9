"""Warm the cache: enrich texts, and write to feelings, before anyone waits for them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from refrain_sidecar import protocol
from refrain_sidecar.assembly import Assembly
from refrain_sidecar.enrichment import EnrichmentError, InputRefused
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.stages import Progress

Job = tuple[str, Callable[[], Awaitable[bool]]]


async def warm(
    parts: Assembly, params: protocol.WarmParams, progress: Progress
) -> protocol.WarmResult:
    """Enrich `params.texts`, write to `params.feelings`; one at a time, as one engine answers.

    A failure counts and goes on. Raises InputRefused when a feeling is not on the wheel.
    """
    began = time.perf_counter()
    jobs = list(_jobs(parts, params))
    computed = cached = 0
    errors: list[str] = []
    for number, (name, job) in enumerate(jobs, 1):
        if params.request_id is not None:
            message = f"{number} of {len(jobs)}: {name}"
            progress(protocol.EnrichProgress(params.request_id, "engine", message))
        try:
            if await job():
                cached += 1
            else:
                computed += 1
        except (InferenceError, EnrichmentError, InputRefused) as error:
            errors.append(f"{name}: {error}")
    total_ms = (time.perf_counter() - began) * 1000
    return protocol.WarmResult(len(jobs), computed, cached, len(errors), errors, total_ms)
