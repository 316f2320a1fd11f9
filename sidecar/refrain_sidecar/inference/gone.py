"""Waiting for the end of a process that is nobody's child here."""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import suppress

# Where the system cannot be asked to tell: a child has to be gone within a second of its parent.
_LOOK_EVERY_S = 0.5


def wait_until_gone(pid: int) -> None:
    """Returns once process `pid` has ended, whether anybody asked for its status or not.

    An id that no process has counts as gone. Linux tells of the end: there, waiting costs nothing.
    """
    with suppress(ProcessLookupError, OverflowError):
        if not (sys.platform == "linux" and _told(pid)):
            _looked(pid)


def _told(pid: int) -> bool:
    """False where the system is too old to tell, or may not."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:
        return False
    try:
        told = select.poll()
        told.register(end, select.POLLIN)
        told.poll()
    finally:
        os.close(end)
    return True


def _looked(pid: int) -> None:
    # Not at the top: where the end is told, the start of an editor would wait for this to load.
    import psutil

    with suppress(psutil.NoSuchProcess, ValueError):
        process = psutil.Process(pid)
        # is_running tells a process that was given the id since.
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_LOOK_EVERY_S)
