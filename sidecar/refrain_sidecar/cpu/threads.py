"""The number of threads requests carry, from the configuration, a measurement, or the facts."""

from __future__ import annotations

from refrain_sidecar.config.settings import InferenceSettings
from refrain_sidecar.cpu.advice import advise, report
from refrain_sidecar.cpu.calibration import CalibrationFile, machine_name
from refrain_sidecar.cpu.facts import CpuFacts
from refrain_sidecar.cpu.gather import gather, load_percent
from refrain_sidecar.cpu.trust import Answering, closest
from refrain_sidecar.inference.models.manifest import manifest
from refrain_sidecar.protocol import CpuThreadsResult, KeptCalibration


def threads_in_force(inference: InferenceSettings) -> int:
    """What requests carry as `num_thread`: at least 1. Reads files, takes some ms."""
    if inference.num_threads != "auto":
        return inference.num_threads
    facts = gather()
    return advise(facts, kept_calibration(facts, inference)).threads


def cpu_threads(inference: InferenceSettings) -> CpuThreadsResult:
    """The whole picture for people. Blocks for the moment over which the load is measured."""
    facts = gather()
    return report(
        facts,
        load_percent=load_percent(),
        configured=None if inference.num_threads == "auto" else inference.num_threads,
        calibration=kept_calibration(facts, inference),
    )


def kept_calibration(
    facts: CpuFacts, inference: InferenceSettings, file: CalibrationFile | None = None
) -> KeptCalibration | None:
    """What `refrain cpu --calibrate` found for the model that will answer, or what comes nearest.

    With `engine` "auto" Ollama's model is asked for first, as it is when the engine is chosen.
    """
    own = manifest()
    ollama = Answering("ollama", inference.model)
    embedded = Answering("embedded", own.weights.model, own.engine.version)
    may_answer = {"ollama": (ollama,), "embedded": (embedded,), "auto": (ollama, embedded)}
    kept = (file or CalibrationFile()).kept()
    return closest(kept, machine_name(facts), may_answer[inference.engine])
