"""Sockets that servers listen on."""

from __future__ import annotations

import socket

# Clients that connect at once.
BACKLOG = 1024


def listener(host: str, port: int) -> socket.socket:
    """A listening socket; `port` 0 takes a free one. Raises OSError if that cannot be had.

    It names its protocol: asyncio switches Nagle's algorithm off only where it is said to be TCP,
    and else the end of each answer waits 40 ms for the client to acknowledge its beginning.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where reuse means to share
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
