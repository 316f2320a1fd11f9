"""Kept-alive connections over bare sockets, as many as there are requests at once: cheap to ask."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen
from tests.bench.serve.wire import parts_of

_READ: Final = 64 * 1024
_LONGEST_S: Final = 60.0


@frozen
class Reply:
    """One answer: its status, its `Cache-Status` ("" for none) and its body."""

    status: int
    note: str
    body: bytes


class Wires:
    """Connections to one server; to be closed. Raises ConnectionError, TimeoutError."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._place = (place.hostname, place.port)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    def close(self) -> None:
        """Close what is idle."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def ask(self, path: str, body: bytes) -> Reply:
        """An answer, whole."""
        async with asyncio.timeout(_LONGEST_S):
            raw = [so_far async for so_far in self.asking(path, body)][-1]
        head = raw.partition(b"\r\n\r\n")[0]
        note = re.search(rb"cache-status: ([^\r]*)", head)
        said = note[1].decode() if note else ""
        return Reply(int(head.split(b" ", 2)[1]), said, b"".join(parts_of(raw)))

    @asynccontextmanager
    async def _wire(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        # One that the server has closed meanwhile is no failure of it.
        while self._idle and self._idle[-1][0].at_eof():
            self._idle.pop()[1].close()
        wire = self._idle.pop() if self._idle else await asyncio.open_connection(*self._place)
        try:
            yield wire
        except BaseException:
            wire[1].transport.abort()
            raise
        self._idle.append(wire)

    async def asking(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        """All that has come, each time more has. Who stops early leaves the server."""
        request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        async with self._wire() as (reader, writer):
            writer.write(request.encode() + body)
            raw = b""
            while not _is_whole(raw):
                got = await reader.read(_READ)
                if not got:
                    raise ConnectionError(f"The answer was cut off: {raw[:200]!r}")
                raw += got
                yield raw


def _is_whole(raw: bytes) -> bool:
    head, ended, body = raw.partition(b"\r\n\r\n")
    if not ended:
        return False
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")
