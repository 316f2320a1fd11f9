"""Which kept calibration bears on the engine that will answer, and whether to go by it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from refrain_sidecar.cpu.calibration import Calibration
from refrain_sidecar.inference.reaching.names import same_model
from refrain_sidecar.protocol import EngineName, KeptCalibration

# Above this load other work takes turns with the threads, and the fewest seem the fastest.
QUIET_PERCENT = 25.0


@frozen
class Answering:
    """An engine and its model that may answer; `version` is None if only asking it would tell."""

    engine: EngineName
    model: str
    version: str | None = None


def closest(
    kept: Iterable[Calibration], machine: str, answering: Sequence[Answering]
) -> KeptCalibration | None:
    """The calibration to go by, else the one that comes nearest, with what is wrong with it.

    `answering` is in the order in which its engines are asked; of equals the latest is taken.
    """
    judged = [(_doubt(one, machine, answering), one) for one in kept]
    if not judged:
        return None
    (_, doubt), found = min(
        judged,
        key=lambda each: (
            each[0][0],
            _order(each[1], answering),
            -each[1].measured_at,
        ),
    )
    return KeptCalibration(
        threads=found.best,
        engine=found.engine,
        model=found.model,
        measured_at=found.measured_at,
        doubt=doubt,
    )


def _doubt(
    measured: Calibration, machine: str, answering: Sequence[Answering]
) -> tuple[int, str | None]:
    """How far from trust, 0 for none at all, and why not in a sentence."""
    if measured.machine != machine:
        return 4, f"It was measured on another machine or within other limits: {measured.machine}."
    with_model = [one for one in answering if same_model(one.model, measured.model)]
    if not with_model:
        models = " or ".join(one.model for one in answering) or "a model not known yet"
        return 3, f"It was measured with {measured.model}; {models} is to answer."
    if not any(_is(one, measured) for one in with_model):
        asked = " or ".join(
            f"{one.engine} {one.version}" if one.version else one.engine for one in with_model
        )
        return 2, (
            f"It was measured with {measured.engine} {measured.engine_version}; "
            f"{asked} is to answer."
        )
    if measured.load_percent > QUIET_PERCENT:
        return 1, (
            f"The machine was {measured.load_percent:.0f} % busy with other things, which makes "
            "the fewest threads seem the fastest."
        )
    return 0, None


def _is(one: Answering, measured: Calibration) -> bool:
    same_version = one.version is None or one.version == measured.engine_version
    return one.engine == measured.engine and same_version


def _order(measured: Calibration, answering: Sequence[Answering]) -> int:
    """The place in `answering` of what it was measured with, its length where it is not there."""
    places = (
        place
        for place, one in enumerate(answering)
        if one.engine == measured.engine and same_model(one.model, measured.model)
    )
    return next(places, len(answering))
