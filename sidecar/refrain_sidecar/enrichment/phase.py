"""The phase of day: all that a moment contributes to an enrichment."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from refrain_sidecar.enrichment.errors import InputRefused

Phase = Literal["morning", "afternoon", "evening", "night"]
Moment = datetime | str | None

# First hour of each phase, local to the timestamp.
_STARTS: tuple[tuple[int, Phase], ...] = (
    (22, "night"),
    (18, "evening"),
    (12, "afternoon"),
    (5, "morning"),
)


def phase_of(moment: Moment) -> Phase | None:
    """The phase `moment` (a datetime or ISO 8601) lies in, by its own clock; None without one.

    Raises InputRefused for a text that is not ISO 8601.
    """
    if moment is None:
        return None
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError as error:
            raise InputRefused(
                f"The timestamp {moment!r} is not ISO 8601. Write it like 2026-10-29T08:30:00."
            ) from error
    if not isinstance(moment, datetime):
        raise InputRefused(
            f"The timestamp is of type {type(moment).__name__}. Pass a datetime or ISO 8601 text."
        )
    return next((phase for hour, phase in _STARTS if moment.hour >= hour), "night")
