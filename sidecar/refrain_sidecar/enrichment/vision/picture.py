"""What a picture is, told by its bytes: its format, its measures, and that it is whole. Pure.

An engine's decoder is the wrong place to find out: Ollama's runner ends on a picture that is cut
short, and takes with it whatever else it was answering.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from zlib import crc32

from attrs import field, frozen

from refrain_sidecar.enrichment.errors import InputRefused

# Bytes of the file. A photograph has a quarter of that.
MOST_BYTES = 20_000_000
# An engine unpacks a picture before it makes it smaller, at three bytes a pixel.
MOST_PIXELS = 100_000_000

_PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, b"\xff\xd9"
# Markers of JPEG that nothing follows: TEM, RST0 to RST7.
_ALONE = {0x01, *range(0xD0, 0xD8)}
# Those that tell the measures (ITU-T T.81, table B.1), and of them what decoders read: baseline,
# extended, progressive.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_READABLE_FRAMES = {0xC0, 0xC1, 0xC2}
_ANIMATED = 0x02


@frozen
class Picture:
    """A whole picture. `name` is for people; `format` is PNG, JPEG or WebP."""

    name: str
    data: bytes = field(repr=False)
    format: str
    width: int
    height: int

    @property
    def measures(self) -> str:
        """`PNG 640×480`: tells nothing of what is in it."""
        return f"{self.format} {self.width}×{self.height}"


def picture_of(name: str, data: bytes) -> Picture:
    """The picture that `data` is. Raises InputRefused for what is none, or not a whole one."""
    found = next((one for one in _FORMATS if one[1](data)), None)
    if found is None:
        raise InputRefused(f"{name} is not a PNG, JPEG or WebP picture, whatever its name says.")
    kind, _, measured = found
    try:
        width, height = measured(data)
    except struct.error as error:
        raise InputRefused(
            f"{name} is cut short: it begins as {kind} and ends too early. Copy or save it again."
        ) from error
    except ValueError as error:
        raise InputRefused(f"{name} cannot be read as {kind}: {error}.") from error
    if not 0 < width * height <= MOST_PIXELS:
        raise InputRefused(
            f"{name} says that it is {width:,} × {height:,} pixels, and at most {MOST_PIXELS:,} in "
            "all can be looked at. Make it smaller."
        )
    return Picture(name, data, kind, width, height)


def _png(data: bytes) -> tuple[int, int]:
    """Walks the chunks to the last one, each with its checksum."""
    view, at, size = memoryview(data), len(_PNG_BEGIN), (0, 0)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if crc32(view[at + 4 : end]) != checksum:
            raise ValueError("a part of it does not match its checksum")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data, at + 8)
        if kind == b"IEND":
            return size
        at = end + 4


def _jpeg(data: bytes) -> tuple[int, int]:
    """Walks the segments to the scan, which has to be followed by the end of the picture."""
    at, size = 2, (0, 0)
    while True:
        begin, kind = struct.unpack_from(">BB", data, at)
        if begin != 0xFF:
            raise ValueError("a segment does not begin where it should")
        if kind == 0xFF or kind in _ALONE:
            at += 1 if kind == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if kind in _FRAMES:
            if kind not in _READABLE_FRAMES:
                raise ValueError("it is packed in a way that engines cannot read; save it as PNG")
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        if kind == _START_OF_SCAN:
            if data.find(_END_OF_IMAGE, at) < 0:
                raise struct.error
            return size
        at += 2 + length


def _webp(data: bytes) -> tuple[int, int]:
    (length,) = struct.unpack_from("<I", data, 4)
    kind, _, first = struct.unpack_from("<4sIB", data, 12)
    if 8 + length > len(data):
        raise struct.error
    if kind == b"VP8X":
        if first & _ANIMATED:
            raise ValueError("it moves; save one of its pictures")
        sides = struct.unpack_from("<3s3s", data, 24)
        width, height = (1 + int.from_bytes(side, "little") for side in sides)
        return width, height
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("it does not begin with a picture")


_FORMATS: tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], tuple[int, int]]], ...] = (
    ("PNG", lambda data: data.startswith(_PNG_BEGIN), _png),
    ("JPEG", lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    ("WebP", lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _webp),
)
