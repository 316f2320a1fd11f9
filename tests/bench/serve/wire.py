"""One kept-alive connection over a bare socket: what it times is the server, not an HTTP client."""

from __future__ import annotations

import re
import socket
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from attrs import frozen

_READ = 256 * 1024
# As long as a real engine may take on a busy machine.
_LONGEST_S = 600.0


@frozen
class Reply:
    """One answer. `first` and `whole` are seconds from sending to the body's first and last byte.

    `raw` is as it came, `parts` the body's pieces as its transfer encoding has them.
    """

    first: float
    whole: float
    raw: bytes
    parts: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]


class Wire:
    """A connection to a server; to be closed. Raises ConnectionError when it is cut."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        assert place.hostname is not None
        self._socket = socket.create_connection((place.hostname, place.port or 80), _LONGEST_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def ask(self, request: bytes) -> Reply:
        """Send a request and read its answer to the end."""
        clock = time.perf_counter
        began = clock()
        self._socket.sendall(request)
        raw, start, first = b"", -1, 0.0
        while True:
            got = self._socket.recv(_READ)
            if not got:
                raise ConnectionError(f"The answer was cut off: {raw[:200]!r}")
            raw += got
            if start < 0 and (found := raw.find(b"\r\n\r\n")) >= 0:
                start = found + 4
            if start < 0 or len(raw) == start:
                continue
            first = first or clock() - began
            parts = _parts(raw, start)
            if parts is not None:
                return Reply(first, clock() - began, raw, parts)


def parts_of(raw: bytes) -> tuple[bytes, ...]:
    """The body's parts of a whole answer."""
    parts = _parts(raw, raw.index(b"\r\n\r\n") + 4)
    assert parts is not None
    return parts


def _parts(raw: bytes, start: int) -> tuple[bytes, ...] | None:
    """The body's parts; None while it is not whole."""
    length = re.search(rb"\r\ncontent-length: *(\d+)", raw[:start], re.IGNORECASE)
    if length:
        return (raw[start:],) if len(raw) - start >= int(length[1]) else None
    if not raw.endswith(b"0\r\n\r\n"):
        return None
    parts, at = [], start
    while True:
        end = raw.index(b"\r\n", at)
        size = int(raw[at:end], 16)
        if not size:
            return tuple(parts)
        parts.append(raw[end + 2 : end + 2 + size])
        at = end + size + 4
