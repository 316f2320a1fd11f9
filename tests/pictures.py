"""Pictures of one colour, small and whole. What Python cannot write itself, Pillow has written."""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode

SIDE = 16
_BEGIN = b"\x89PNG\r\n\x1a\n"


def png(red: int, green: int, blue: int, *, comment: str = "") -> bytes:
    """16 × 16 pixels; pictures that look alike differ by `comment`."""
    pixels = zlib.compress((b"\0" + bytes((red, green, blue)) * SIDE) * SIDE)
    said = [(b"tEXt", b"Comment\0" + comment.encode())] if comment else []
    return png_of((b"IHDR", header(SIDE, SIDE)), *said, (b"IDAT", pixels), (b"IEND", b""))


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, whatever they say, each with the checksum it ought to have."""
    return _BEGIN + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def header(width: int, height: int) -> bytes:
    """What IHDR holds: eight bits each of red, green and blue."""
    return struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


RED, GREEN, BLUE = png(255, 0, 0), png(0, 255, 0), png(0, 0, 255)

# 16 × 16, red (254, 0, 0).
JPEG = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsL"
    "EBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU"
    "FBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAj/xAAUEAEA"
    "AAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAABwn/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIR"
    "AxEAPwCdAAYqm//Z"
)
# Red, in WebP's three ways: without loss, with it (both 16 × 16), and 16 × 9 half transparent.
WEBP_LOSSLESS = b64decode("UklGRhwAAABXRUJQVlA4TA8AAAAvD8ADAAcQ/Y/+ByKi/wEA")
WEBP_LOSSY = b64decode(
    "UklGRjgAAABXRUJQVlA4ICwAAACQAQCdASoQABAAAsBMJaACdLoAA5gA/u5DH+5sc4twV/9tD/9aH/60P+lAAA=="
)
WEBP_ALPHA = b64decode(
    "UklGRlwAAABXRUJQVlA4WAoAAAAQAAAADwAACAAAQUxQSAoAAAABB1DAiAhERP8DVlA4ICwAAACQAQCdASoQAAkAAsBM"
    "JaACdLoAA5gA/u5DH+5sc4twV/9tD/9aH/60P+lAAA=="
)
# Two frames, 16 × 9.
WEBP_MOVING = b64decode(
    "UklGRu4AAABXRUJQVlA4WAoAAAASAAAADwAACAAAQU5JTQYAAAAAAAAAAABBTk1GXAAAAAAAAAAAAA8AAAgAAAAAAAJB"
    "TFBICgAAAAEHUMCICERE/wNWUDggMgAAADABAJ0BKhAACQABQCYloAADcAD+8ut///mwP/bz/wR6Af//0uD//pcH//S4"
    "P/SkAAAAQU5NRl4AAAAAAAAAAAAPAAAIAAAAAAACQUxQSAoAAAABB1DAiAhERP8DVlA4IDQAAAAwAQCdASoQAAkAAUAm"
    "JaAAA3AA/ukiH//3nz//ufP/+58/6M///yn7//I4//8jj/5QIAAA"
)
