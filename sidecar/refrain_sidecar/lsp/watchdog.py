"""End this process when the one it serves is gone, even if that was killed."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from refrain_sidecar.inference.gone import wait_until_gone

LOG = logging.getLogger("refrain")

# An editor killed outright must leave no sidecar after 3 s: one look, then the grace to close.
GRACE_SECONDS = 1.5


def watch(editor: int, leave: Callable[[], object]) -> None:
    """Call `leave` once process `editor` is gone, and end this process if that takes too long.

    A thread, because the event loop may be what hangs.
    """

    def look() -> None:
        wait_until_gone(editor)
        LOG.info("The editor (process %d) is gone: closing.", editor)
        leave()
        time.sleep(GRACE_SECONDS)
        os._exit(0)

    threading.Thread(target=look, name="parent watchdog", daemon=True).start()
