"""Ending with the parent process, however that one ends."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress

import psutil

# The child has to be gone within a second of its parent.
_LOOK_EVERY_S = 0.5


def end_with_parent(pid: int, stdin: int) -> None:
    """Ends this process at once when file descriptor `stdin` closes or process `pid` is gone.

    Both are watched: another child of the parent may hold the other end of the pipe open.
    """
    for watch, what in ((_watch_pipe, stdin), (_watch_process, pid)):
        threading.Thread(target=watch, args=(what,), daemon=True).start()


def _watch_pipe(stdin: int) -> None:
    # Not through sys.stdin: its lock, held by a thread that waits, aborts an orderly exit.
    while os.read(stdin, 4096):
        pass
    _end("its pipe was closed")


def _watch_process(pid: int) -> None:
    try:
        parent = psutil.Process(pid)
        # is_running tells a reused process id from the parent's.
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_LOOK_EVERY_S)
    except psutil.NoSuchProcess:
        pass
    _end(f"its parent {pid} is gone")


def _end(why: str) -> None:
    # The parent may have held the other end of stderr as well; then there is nobody left to tell.
    with suppress(OSError):
        print(f"the embedded engine ends: {why}", file=sys.stderr, flush=True)
    # Not sys.exit: native threads may be computing, and nothing here is worth waiting for.
    os._exit(0)
