"""Run the stages for one text, or one picture, and report how each was answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from refrain_cache import Outcome
from refrain_sidecar import protocol
from refrain_sidecar.enrichment import Described, Enrichment, InputRefused, PostEnrichment
from refrain_sidecar.enrichment.keeping import OFFLINE
from refrain_sidecar.service.assembly import Assembly

Progress = Callable[[protocol.EnrichProgress], None]


def silent(_: protocol.EnrichProgress) -> None:
    """The progress of an enrichment nobody follows."""


async def enrich(
    parts: Assembly, params: protocol.EnrichParams, progress: Progress = silent
) -> protocol.EnrichResult:
    """Stage 1, then Stage 2 on its feelings unless `params.stage2` is false.

    A picture is described first, and its description is the text of both. Raises InputRefused for
    a text, picture or timestamp that cannot be used, InferenceError from the engine.
    """
    began = time.perf_counter()
    timestamp = parse_timestamp(params.timestamp)
    seen: Outcome[Described] | None = None
    text = params.text

    def so_far(
        first: Outcome[Enrichment], second: Outcome[PostEnrichment] | None = None
    ) -> protocol.EnrichResult:
        return _result(seen, first, second, (time.perf_counter() - began) * 1000)

    def report(
        phase: Literal["vision", "stage1", "stage2"],
        message: str,
        first: Outcome[Enrichment] | None = None,
        line: protocol.WrittenLine | None = None,
        description: str | None = None,
    ) -> None:
        if params.request_id is not None:
            known = first and so_far(first)
            progress(
                protocol.EnrichProgress(params.request_id, phase, message, known, line, description)
            )

    if params.image is not None:
        message = "Looking at the picture…"
        report("vision", message)
        seen = await parts.describer.describe(
            params.image,
            params.text,
            fresh=params.fresh,
            told=lambda so_far: report("vision", message, description=so_far),
        )
        text = seen.value["description"]
    report("stage1", "Naming the feeling…", description=seen and text)
    first = await parts.scorer.score(text, timestamp=timestamp, fresh=params.fresh)
    if not params.stage2:
        return so_far(first)
    wheel = first.value["wheel"]
    message = f"Writing to {wheel['primary']}/{wheel['secondary']}…"
    report("stage2", message, first)
    second = await parts.post_enricher.write(
        first.value,
        timestamp=timestamp,
        fresh=params.fresh,
        told=lambda at, text: report("stage2", message, line=protocol.WrittenLine(at, text)),
    )
    return so_far(first, second)


def parse_timestamp(text: str | None) -> datetime | None:
    """ISO 8601 as a datetime. Raises InputRefused for anything else."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InputRefused(
            f"The timestamp {text!r} is not ISO 8601. Write it like 2026-10-29T08:30:00."
        ) from error


def _result(
    seen: Outcome[Described] | None,
    first: Outcome[Enrichment],
    second: Outcome[PostEnrichment] | None,
    total_ms: float,
) -> protocol.EnrichResult:
    stages = [_report(1, "stage1_enrichment", first)]
    if seen is not None:
        stages.insert(0, _report(0, "vision_inference", seen))
    if second is not None:
        stages.append(_report(2, "stage2_enrichment", second))
    told: dict[str, Any] = {**first.value}
    del told["text_chars"]
    maker = told.pop("provenance")
    engine = protocol.EngineInfo(
        maker["engine"],
        maker["model"],
        maker["digest"],
        maker["version"],
        base_url=None,
        offline=any(stage.reason == OFFLINE for stage in stages),
    )
    return protocol.EnrichResult(
        wheel=protocol.Wheel(**told.pop("wheel")),
        description=seen and seen.value["description"],
        engine=engine,
        **told,
        post_enrichment=second and protocol.PostEnrichment(**second.value),
        stages=stages,
        total_ms=total_ms,
        saved_ms=sum(stage.saved_ms for stage in stages),
    )


def _report(stage: int, kind: str, outcome: Outcome[Any]) -> protocol.StageReport:
    told = outcome._asdict()
    del told["value"], told["cost_ms"]
    return protocol.StageReport(stage, kind, **told)
