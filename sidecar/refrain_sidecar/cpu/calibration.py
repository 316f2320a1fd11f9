"""Measured thread counts, kept per machine and model in the user's data folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from cattrs import BaseValidationError, Converter

from refrain_sidecar.config.replacing import replace_text
from refrain_sidecar.cpu.facts import CpuFacts
from refrain_sidecar.inference.models.manifest import data_dir
from refrain_sidecar.protocol import EngineName

log = logging.getLogger("refrain.cpu")

FILE_NAME = "cpu-calibrations.json"
# Two runs of one count differ by about this much on a quiet machine: within it fewer threads win,
# for they leave more of the machine to its owner.
TIE = 0.03

_CONVERTER = Converter()


@frozen
class Calibration:
    """Tokens a second, read and written, for each number of threads, and what with.

    `machine` is a `machine_name`, `measured_at` in seconds since the epoch. `load_percent` is how
    busy the machine was with other things between the runs, at its busiest, 0..100.
    """

    machine: str
    engine: EngineName
    engine_version: str
    model: str
    tokens_per_s: Mapping[int, float]
    measured_at: float
    load_percent: float

    @property
    def best(self) -> int:
        """The fastest count; of those within `TIE` of it the lowest."""
        enough = max(self.tokens_per_s.values()) * (1 - TIE)
        return min(threads for threads, rate in self.tokens_per_s.items() if rate >= enough)


def machine_name(facts: CpuFacts) -> str:
    """Names a machine with its limits: other cores or another quota need another measurement."""
    performance, efficiency = (
        facts.cores(kind, usable=True) for kind in ("performance", "efficiency")
    )
    cores = f"{performance} performance and {efficiency} efficiency cores"
    limit = "" if facts.container_cpus is None else f", limited to {facts.container_cpus:g}"
    return f"{facts.model}, {facts.affinity} of {facts.logical} CPUs on {cores}{limit}"


class CalibrationFile:
    """The file of all calibrations, one for each machine, engine and model.

    What cannot be read counts as never measured.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or data_dir()) / FILE_NAME

    def kept(self) -> list[Calibration]:
        """Every calibration there is, of this machine and of others that share the folder."""
        found = []
        for number, record in enumerate(self._read(), 1):
            try:
                calibration = _CONVERTER.structure(record, Calibration)
            except (BaseValidationError, ValueError, TypeError) as error:
                log.warning("%s: calibration %d cannot be read: %s", self.path, number, error)
                continue
            if calibration.tokens_per_s:
                found.append(calibration)
        return found

    def keep(self, calibration: Calibration) -> None:
        """Write `calibration` in the place of the last one like it. Raises OSError."""
        others = [other for other in self.kept() if _key(other) != _key(calibration)]
        records = [asdict(one) for one in (*others, calibration)]
        replace_text(self.path, json.dumps(records, indent=2))

    def _read(self) -> list[Any]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read and counts as empty: %s", self.path, error)
            return []
        if not isinstance(data, list):
            log.warning("%s holds no calibrations and counts as empty.", self.path)
            return []
        return data


def _key(calibration: Calibration) -> tuple[str, EngineName, str]:
    return calibration.machine, calibration.engine, calibration.model
