"""A port for a server that has to be told one, or that comes back at the one it had."""

from __future__ import annotations

import random
import socket

# Below those that a system gives to whoever connects or asks for any port (from 32768 on Linux,
# 49152 elsewhere): what is free here stays free until its server takes it.
FIRST, LAST = 20_000, 32_000


def free_port() -> int:
    """One at which nobody listens."""
    while True:
        port = random.SystemRandom().randint(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
