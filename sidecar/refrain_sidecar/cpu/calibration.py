"""Measured thread counts, kept per machine and model in the user's data folder."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from attrs import frozen

from refrain_sidecar.cpu.facts import CpuFacts
from refrain_sidecar.inference.manifest import data_dir

log = logging.getLogger("refrain.cpu")

FILE_NAME = "cpu-calibration.json"
# Two runs of one count differ by about this much on a quiet machine: within it fewer threads win,
# for they leave more of the machine to its owner.
TIE = 0.03
# Above this load other work takes turns with the threads, and the fewest seem the fastest.
QUIET_PERCENT = 25.0


@frozen
class Calibration:
    """Tokens a second for each number of threads; `measured_at` in seconds since the epoch.

    `load_percent` is how busy the machine was with other things just before, 0..100.
    """

    model: str
    tokens_per_s: Mapping[int, float]
    measured_at: float
    load_percent: float

    @property
    def best(self) -> int:
        """The fastest count; of those within `TIE` of it the lowest."""
        enough = max(self.tokens_per_s.values()) * (1 - TIE)
        return min(threads for threads, rate in self.tokens_per_s.items() if rate >= enough)

    @property
    def trustworthy(self) -> bool:
        """Whether the machine was quiet enough for the counts to be compared."""
        return self.load_percent <= QUIET_PERCENT


def machine_key(facts: CpuFacts) -> str:
    """Names a machine with its limits: other cores or another quota need another measurement."""
    kinds = [facts.cores(kind, usable=True) for kind in ("performance", "efficiency")]
    parts = [facts.model, facts.logical, facts.affinity, kinds, facts.container_cpus]
    return "sha256:" + sha256(json.dumps(parts).encode()).hexdigest()[:32]


class CalibrationFile:
    """The file of all calibrations. What cannot be read counts as never measured."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or data_dir()) / FILE_NAME

    def find(self, facts: CpuFacts, model: str) -> Calibration | None:
        """What was measured for `model` on this machine."""
        kept = self._read().get(machine_key(facts), {}).get(model)
        if kept is None:
            return None
        try:
            rates = {int(threads): float(rate) for threads, rate in kept["tokens_per_s"].items()}
            measured_at, load = float(kept["measured_at"]), float(kept["load_percent"])
            return Calibration(model, rates, measured_at, load) if rates else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("%s: no calibration can be read for %s (%s)", self.path, model, error)
            return None

    def keep(self, facts: CpuFacts, calibration: Calibration) -> None:
        """Write `calibration` beside the others, all or nothing. Raises OSError."""
        everything = self._read()
        everything.setdefault(machine_key(facts), {})[calibration.model] = {
            "tokens_per_s": {str(n): rate for n, rate in calibration.tokens_per_s.items()},
            "measured_at": calibration.measured_at,
            "load_percent": calibration.load_percent,
        }
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(
            "w", dir=self.path.parent, prefix=FILE_NAME, delete=False, encoding="utf-8"
        ) as file:
            json.dump(everything, file, indent=2)
        try:
            os.replace(file.name, self.path)
        except OSError:
            with suppress(OSError):
                os.unlink(file.name)
            raise

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read and counts as empty: %s", self.path, error)
            return {}
        if not isinstance(data, dict) or not all(isinstance(v, dict) for v in data.values()):
            log.warning("%s holds no calibrations and counts as empty.", self.path)
            return {}
        return data
