"""Request bodies as they come: read where they decide the key, streamed on where they are large."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.types import Receive

from refrain_sidecar.serve.leaving import ClientLeftError

zstd: Any
try:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
except ImportError:  # native, bound to one Python version: whoever has it is served
    zstd = None

# A photograph in base64 fits. What is longer is passed on as it comes, and not kept.
READ_BYTES: Final = 16 * 1024 * 1024
# All that is being read at once.
_READ_TOGETHER: Final = 64 * 1024 * 1024
# RFC 9659: what larger a window a body may ask for, nobody has to grant.
_ZSTD_WINDOW_LOG: Final = 23
_BROKEN: Final = (zlib.error, *(() if zstd is None else (zstd.ZstdError,)))


class Bodies:
    """The bodies being read at once, limited in what they take together."""

    def __init__(self) -> None:
        self._held = 0

    async def read(self, receive: Receive) -> tuple[list[bytes], bool]:
        """The body's parts, and whether that is all of it. Raises ClientLeftError.

        What was read is held until `release` of its size.
        """
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientLeftError
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self._held += len(part)
                if not message.get("more_body"):
                    return parts, True
                if size > READ_BYTES or self._held > _READ_TOGETHER:
                    return parts, False
        except BaseException:
            self._held -= size
            raise

    def release(self, size: int) -> None:
        """What was read is held no longer."""
        self._held -= size


async def rest_of(parts: list[bytes], receive: Receive) -> AsyncIterator[bytes]:
    """What was read, and then what still comes. Raises ClientLeftError."""
    for part in parts:
        yield part
    parts.clear()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientLeftError
        more = message.get("more_body", False)
        if part := message.get("body", b""):
            yield part


async def plain(body: bytes, encoding: str) -> bytes | None:
    """`body` without its `Content-Encoding`; None for what cannot be decoded, or is too large."""
    if encoding in ("", "identity"):
        return body
    return await asyncio.to_thread(_decoded, body, encoding)


def _decoded(body: bytes, encoding: str) -> bytes | None:
    try:
        if encoding in ("gzip", "deflate"):
            unpacking: Any = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding == "zstd" and zstd is not None:
            limit = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
            unpacking = zstd.ZstdDecompressor(options=limit)
        else:
            return None
        whole: bytes = unpacking.decompress(body, READ_BYTES)
        return whole if unpacking.eof else None
    except _BROKEN:
        return None
