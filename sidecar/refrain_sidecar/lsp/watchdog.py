"""End this process when the one it serves is gone, even if that was killed."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

import psutil

LOG = logging.getLogger("refrain")

# An editor killed outright must leave no sidecar after 3 s: one look, then the grace to close.
POLL_SECONDS = 0.5
GRACE_SECONDS = 1.5


def watch(parent: int, leave: Callable[[], object]) -> None:
    """Call `leave` once process `parent` is gone, and end this process if that takes too long.

    A thread, because the event loop may be what hangs. A process id used again by another process
    counts as gone.
    """
    try:
        process = psutil.Process(parent)
    except (psutil.NoSuchProcess, ValueError):  # ValueError: no process can have that id
        leave()
        return

    def look() -> None:
        while _alive(process):
            pause.wait(POLL_SECONDS)
        LOG.info("The editor (process %d) is gone: closing.", parent)
        leave()
        pause.wait(GRACE_SECONDS)
        os._exit(0)

    pause = threading.Event()
    threading.Thread(target=look, name="parent watchdog", daemon=True).start()


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
