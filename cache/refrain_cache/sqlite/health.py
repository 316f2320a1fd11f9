"""Whether the file can be used now, told once when that changes, and tried again until it can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from refrain_cache.sqlite.faults import Fault, FaultKind, StoreFault
from refrain_cache.timing import Timing

log = logging.getLogger("refrain.cache")

# While only writing fails, what is stored may still be read.
_READABLE = frozenset({FaultKind.LOCKED, FaultKind.FULL, FaultKind.READ_ONLY})


class Health:
    """The state machine between `on` and `bypass`. Belongs to one event loop.

    `changed` is called on every change. While in bypass `probe` is called, less and less often,
    until it raises no StoreFault.
    """

    def __init__(
        self, probe: Callable[[], Awaitable[None]], timing: Timing, changed: Callable[[], None]
    ) -> None:
        self._probe = probe
        self._timing = timing
        self._changed = changed
        self._pause = timing.probe_first
        self._probing: asyncio.Task[None] | None = None
        self.fault: Fault | None = None
        self.readable = True

    @property
    def writable(self) -> bool:
        return self.fault is None

    def write_failed(self, fault: Fault) -> None:
        """Note that a transaction failed."""
        self._bypass(fault, readable=self.readable and fault.kind in _READABLE)

    def read_failed(self, fault: Fault) -> None:
        """Note that a read failed."""
        self._bypass(fault, readable=False)

    def stop(self) -> None:
        """Stop probing."""
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None

    def _bypass(self, fault: Fault, *, readable: bool) -> None:
        news = self.fault is None or self.fault.kind is not fault.kind
        self.readable = readable
        if news:
            self.fault = fault
            log.warning("Cache bypassed: %s", fault.reason)
            self._changed()
        if self._probing is None:
            self._pause = self._timing.probe_first
            self._probing = asyncio.get_running_loop().create_task(self._try_again())

    async def _try_again(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, self._timing.probe_last)
            try:
                await self._probe()
            except StoreFault as error:
                log.debug("Cache still bypassed: %s", error.fault.reason)
                continue
            self.fault = None
            self.readable = True
            self._probing = None
            log.info("The cache is in use again.")
            self._changed()
            return
