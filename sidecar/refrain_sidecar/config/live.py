"""Follow perf_config.json while the process runs: a good edit applies, a bad one is reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from refrain_sidecar.config.check import Problem
from refrain_sidecar.config.read import Reading, read_settings
from refrain_sidecar.config.settings import Settings

LOG = logging.getLogger("refrain.config")

# An edit applies within a second; one stat a second costs some 10 µs and needs no native watcher.
POLL_SECONDS = 1.0

Signature = tuple[int, int, int] | None


class LiveConfig:
    """The settings in force, and a task that follows the file.

    A file that is wrong at the start yields its good values and defaults for the others. Later, an
    edit with any problem changes nothing: the last good settings stay in force.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._signature = self._look()
        reading = self._read()
        self.settings = reading.settings
        self.problems: tuple[Problem, ...] = reading.problems
        self._listener: Callable[[], None] = lambda: None
        self._report()

    def on_problems(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each edit: `problems` may have come or gone."""
        self._listener = listener

    async def follow(self, apply: Callable[[Settings], Awaitable[None]]) -> None:
        """Await `apply(settings)` for each good edit that changes something, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh(apply)

    async def refresh(self, apply: Callable[[Settings], Awaitable[None]]) -> None:
        """Look at the file once."""
        signature = self._look()
        if signature == self._signature:
            return
        self._signature = signature
        reading = self._read()
        self.problems = reading.problems
        self._report()
        self._listener()
        if not reading.problems and reading.settings != self.settings:
            self.settings = reading.settings
            LOG.info("Configuration applied: %s", self.path)
            await apply(reading.settings)

    def _read(self) -> Reading:
        """The file's reading; a file that is not there means the defaults."""
        if self.path is None or self._signature is None:
            return Reading(Settings(), ())
        return read_settings(self.path)

    def _look(self) -> Signature:
        if self.path is None:
            return None
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    def _report(self) -> None:
        for problem in self.problems:
            LOG.warning("%s (the last good value stays in force)", problem.at(str(self.path)))
