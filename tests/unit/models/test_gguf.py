"""Reading a GGUF file's metadata."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from refrain_sidecar.inference.models.gguf import metadata


def text(value: str) -> bytes:
    """A GGUF string."""
    content = value.encode()
    return struct.pack("<Q", len(content)) + content


def test_every_kind_of_value(tmp_path: Path) -> None:
    pairs = {
        "name": (8, text("Größe")),
        "count": (4, struct.pack("<I", 7)),
        "offset": (11, struct.pack("<q", -3)),
        "share": (12, struct.pack("<d", 0.5)),
        "yes": (7, b"\x01"),
        "words": (9, struct.pack("<IQ", 8, 2) + text("a") + text("b")),
        "nested": (9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 0, 2) + b"\x01\x02"),
    }
    path = tmp_path / "some.gguf"
    path.write_bytes(
        b"GGUF"
        + struct.pack("<IQQ", 3, 0, len(pairs))
        + b"".join(text(key) + struct.pack("<I", kind) + raw for key, (kind, raw) in pairs.items())
    )
    assert metadata(path) == {
        "name": "Größe",
        "count": 7,
        "offset": -3,
        "share": 0.5,
        "yes": True,
        "words": ["a", "b"],
        "nested": [[1, 2]],
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60), "a text of"),
        (b"PK\x03\x04", "is not a GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 9, 0, 0), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 99), "type 99"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1), "ends too early"),
    ],
)
def test_files_that_are_not_readable(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        metadata(path)
