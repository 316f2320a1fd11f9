"""The number of threads requests carry, from the configuration, a measurement, or the facts."""

from __future__ import annotations

from refrain_sidecar.cpu.advice import in_force, report
from refrain_sidecar.cpu.calibration import CalibrationFile
from refrain_sidecar.cpu.facts import CpuFacts
from refrain_sidecar.cpu.gather import gather, load_percent
from refrain_sidecar.inference.manifest import manifest
from refrain_sidecar.protocol import CpuThreadsResult
from refrain_sidecar.settings import InferenceSettings


def threads_in_force(inference: InferenceSettings) -> int:
    """What requests carry as `num_thread`: at least 1. Reads files, takes some ms."""
    if inference.num_threads != "auto":
        return inference.num_threads
    facts = gather()
    return in_force(facts, configured=None, calibrated=calibrated_threads(facts, inference))


def cpu_threads(inference: InferenceSettings) -> CpuThreadsResult:
    """The whole picture for people. Blocks for the moment over which the load is measured."""
    facts = gather()
    return report(
        facts,
        load_percent=load_percent(),
        configured=None if inference.num_threads == "auto" else inference.num_threads,
        calibrated=calibrated_threads(facts, inference),
    )


def calibrated_threads(
    facts: CpuFacts, inference: InferenceSettings, file: CalibrationFile | None = None
) -> int | None:
    """The fastest count measured, on a quiet machine, for the model that will answer; else None.

    With `engine` "auto" Ollama's model is asked for first, as it is when the engine is chosen.
    """
    file = file or CalibrationFile()
    embedded = manifest().weights.model
    may_answer = {
        "ollama": (inference.model,),
        "embedded": (embedded,),
        "auto": (inference.model, embedded),
    }
    for model in may_answer[inference.engine]:
        found = file.find(facts, model)
        if found is not None and found.trustworthy:
            return found.best
    return None
