"""Runs a command that ends when stdin does, so also when the one who held the other end is killed.

    python guard.py COMMAND…

To be started as the leader of a process group: the end is that of the whole group, in which are
the command, what it started, and this process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

_GRACE_S = 5.0


def _end_with_stdin(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGTERM)
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> None:
    # Of the group's SIGTERM only the command takes notice.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as child:
        threading.Thread(target=_end_with_stdin, args=(child,), daemon=True).start()
        child.wait()
    # A server that crashed leaves its runner behind.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
