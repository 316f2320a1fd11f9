"""GGUF files (format of ggml-org/ggml, docs/gguf.md): their metadata, and where tensors lie."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from attrs import frozen

# Kinds of tensors.
F16, Q4_0, Q4_1, Q8_0 = 1, 2, 3, 8

_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_FLOAT, _STRING, _ARRAY = 6, 8, 9
_MAGIC = b"GGUF"
_ALIGNMENT = 32
# Chat templates, the longest texts there are, have some thousand bytes.
_LONGEST_TEXT = 1 << 24


@frozen
class Tensor:
    """A tensor of a file: `shape` from the innermost dimension, `size` in bytes with the padding
    behind it, `at` its place in the file (0 in one that is only to be written)."""

    name: str
    shape: tuple[int, ...]
    kind: int
    size: int
    at: int = 0


@frozen
class Layout:
    """What a file begins with: its metadata as it stands there, and its tensors in order."""

    pairs: int
    metadata: bytes
    tensors: tuple[Tensor, ...]


def metadata(path: Path) -> dict[str, Any]:
    """Key → value, lists included. Raises ValueError if `path` is not GGUF of version 2 or 3."""
    with path.open("rb") as file:
        _, pairs = _begin(file)
        return _pairs(file, pairs)


def layout(path: Path) -> Layout:
    """What `path` holds, but for the tensors themselves. Raises ValueError as `metadata` does."""
    with path.open("rb") as file:
        count, pairs = _begin(file)
        start = file.tell()
        _pairs(file, pairs)
        end = file.tell()
        file.seek(start)
        raw = file.read(end - start)
        told = [
            (
                _string(file),
                tuple(_count(file) for _ in range(int(_scalar(file, "<I")))),
                int(_scalar(file, "<I")),
                _count(file),
            )
            for _ in range(count)
        ]
        data = _aligned(file.tell())
    ends = [*(place for *_, place in told[1:]), path.stat().st_size - data]
    return Layout(
        pairs,
        raw,
        tuple(
            Tensor(name, shape, kind, end - place, data + place)
            for (name, shape, kind, place), end in zip(told, ends, strict=True)
        ),
    )


def told(values: Mapping[str, str | float]) -> bytes:
    """Metadata as it stands in a file."""
    return b"".join(
        _text(key)
        + (
            struct.pack("<I", _STRING) + _text(value)
            if isinstance(value, str)
            else struct.pack("<If", _FLOAT, value)
        )
        for key, value in values.items()
    )


def head(pairs: int, raw: bytes, tensors: Sequence[Tensor]) -> bytes:
    """What a file begins with that has this metadata; the tensors' `padded` bytes follow."""
    infos, place = b"", 0
    for tensor in tensors:
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        infos += _text(tensor.name) + shape + struct.pack("<IQ", tensor.kind, place)
        place += _aligned(tensor.size)
    return padded([_MAGIC, struct.pack("<IQQ", 3, len(tensors), pairs), raw, infos])


def padded(parts: Iterable[bytes]) -> bytes:
    """`parts` in a row, and zeros up to where something else may begin."""
    whole = b"".join(parts)
    return whole.ljust(_aligned(len(whole)), b"\0")


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _begin(file: BinaryIO) -> tuple[int, int]:
    """How many tensors and how many pairs of metadata follow."""
    if file.read(4) != _MAGIC:
        raise ValueError(f"{file.name} is not a GGUF file")
    version = _scalar(file, "<I")
    if version not in (2, 3):
        raise ValueError(f"{file.name} is GGUF version {version}; 2 and 3 are understood")
    return _count(file), _count(file)


def _pairs(file: BinaryIO, pairs: int) -> dict[str, Any]:
    return {_string(file): _value(file, _scalar(file, "<I")) for _ in range(pairs)}


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        item = _scalar(file, "<I")
        return [_value(file, item) for _ in range(_count(file))]
    if kind not in _SCALARS:
        raise ValueError(f"unknown GGUF value type {kind}")
    return _scalar(file, _SCALARS[kind])


def _string(file: BinaryIO) -> str:
    length = _count(file)
    if length > _LONGEST_TEXT:
        raise ValueError(f"the GGUF file {file.name} has a text of {length} bytes")
    return file.read(length).decode("utf-8", errors="replace")


def _text(value: str) -> bytes:
    content = value.encode()
    return struct.pack("<Q", len(content)) + content


def _count(file: BinaryIO) -> int:
    return int(_scalar(file, "<Q"))


def _scalar(file: BinaryIO, layout: str) -> Any:
    size = struct.calcsize(layout)
    content = file.read(size)
    if len(content) < size:
        raise ValueError(f"the GGUF file {file.name} ends too early")
    return struct.unpack(layout, content)[0]
