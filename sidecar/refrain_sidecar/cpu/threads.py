"""The number of threads requests carry, from the configuration, a measurement, or the facts."""

from __future__ import annotations

from attrs import evolve

from refrain_sidecar.config.settings import AUTO, Settings
from refrain_sidecar.cpu.advice import advise, report
from refrain_sidecar.cpu.calibration import CalibrationFile, machine_name
from refrain_sidecar.cpu.facts import CpuFacts
from refrain_sidecar.cpu.gather import gather, load_percent
from refrain_sidecar.cpu.trust import Answering, closest
from refrain_sidecar.inference.last_known import LastKnown
from refrain_sidecar.inference.models.manifest import manifest
from refrain_sidecar.protocol import CpuThreadsResult, KeptCalibration


def threads_in_force(settings: Settings) -> int:
    """What requests carry as `num_thread`: at least 1. Reads files, takes some ms."""
    configured = settings.inference.num_threads
    if configured != "auto":
        return configured
    facts = gather()
    return advise(facts, kept_calibration(facts, settings)).threads


def cpu_threads(settings: Settings) -> CpuThreadsResult:
    """The whole picture for people. Blocks for the moment over which the load is measured."""
    facts = gather()
    configured = settings.inference.num_threads
    return report(
        facts,
        load_percent=load_percent(),
        configured=None if configured == "auto" else configured,
        calibration=kept_calibration(facts, settings),
    )


def kept_calibration(
    facts: CpuFacts, settings: Settings, file: CalibrationFile | None = None
) -> KeptCalibration | None:
    """What `refrain cpu --calibrate` found for the model that will answer, or what comes nearest.

    With `engine` "auto" Ollama's model is asked for first, as it is when the engine is chosen.
    """
    own = manifest()
    embedded = (Answering("embedded", own.weights.model, own.engine.version),)
    model = _ollamas_model(settings)
    ollama = () if model is None else (Answering("ollama", model),)
    may_answer = {"ollama": ollama, "embedded": embedded, "auto": (*ollama, *embedded)}
    kept = (file or CalibrationFile()).kept()
    return closest(kept, machine_name(facts), may_answer[settings.inference.engine])


def _ollamas_model(settings: Settings) -> str | None:
    """The configured one, else what Ollama last answered with; None if it never did."""
    if settings.inference.model != AUTO:
        return settings.inference.model
    last = LastKnown(evolve(settings, inference=evolve(settings.inference, engine="ollama"))).read()
    return None if last is None else last.model
