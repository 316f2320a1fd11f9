"""CPU threads: what cores there are, how many threads an engine should use, and measuring it.

Import `refrain_sidecar.cpu.calibrate` for the measurement: it needs an engine.
"""

from refrain_sidecar.cpu.advice import Advice, advise, candidates, report
from refrain_sidecar.cpu.calibration import Calibration, CalibrationFile
from refrain_sidecar.cpu.facts import CpuFacts, LogicalCpu
from refrain_sidecar.cpu.gather import gather
from refrain_sidecar.cpu.threads import cpu_threads, kept_calibration, threads_in_force

__all__ = [
    "Advice",
    "Calibration",
    "CalibrationFile",
    "CpuFacts",
    "LogicalCpu",
    "advise",
    "candidates",
    "cpu_threads",
    "gather",
    "kept_calibration",
    "report",
    "threads_in_force",
]
