"""CPU threads: what cores there are, how many threads an engine should use, and measuring it.

Import `refrain_sidecar.cpu.calibrate` for the measurement: it needs an engine.
"""

from refrain_sidecar.cpu.advice import candidates
from refrain_sidecar.cpu.calibration import Calibration, CalibrationFile
from refrain_sidecar.cpu.gather import gather
from refrain_sidecar.cpu.threads import cpu_threads, threads_in_force

__all__ = [
    "Calibration",
    "CalibrationFile",
    "candidates",
    "cpu_threads",
    "gather",
    "threads_in_force",
]
