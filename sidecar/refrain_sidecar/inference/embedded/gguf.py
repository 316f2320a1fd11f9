"""The metadata of a GGUF file (format of ggml-org/ggml, docs/gguf.md). Weights are not read."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

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
_STRING, _ARRAY = 8, 9


def metadata(path: Path) -> dict[str, Any]:
    """Key → value, lists included. Raises ValueError if `path` is not GGUF of version 2 or 3."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError(f"{path} is not a GGUF file")
        version = _scalar(file, "<I")
        if version not in (2, 3):
            raise ValueError(f"{path} is GGUF version {version}; 2 and 3 are understood")
        _scalar(file, "<Q")  # the number of tensors
        return {_string(file): _value(file, _scalar(file, "<I")) for _ in range(_count(file))}


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
    return file.read(_count(file)).decode("utf-8", errors="replace")


def _count(file: BinaryIO) -> int:
    return int(_scalar(file, "<Q"))


def _scalar(file: BinaryIO, layout: str) -> Any:
    size = struct.calcsize(layout)
    content = file.read(size)
    if len(content) < size:
        raise ValueError(f"the GGUF file {file.name} ends too early")
    return struct.unpack(layout, content)[0]
