"""Ending with the parent process, however that one ends."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

from refrain_sidecar.inference.gone import wait_until_gone


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
    wait_until_gone(pid)
    _end(f"its parent {pid} is gone")


def _end(why: str) -> None:
    # The parent may have held the other end of stderr as well; then there is nobody left to tell.
    with suppress(OSError):
        print(f"the embedded engine ends: {why}", file=sys.stderr, flush=True)
    # Not sys.exit: native threads may be computing, and nothing here is worth waiting for.
    os._exit(0)
