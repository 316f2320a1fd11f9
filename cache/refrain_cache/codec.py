"""Answers as bytes: JSON, packed with zlib where that pays."""

from __future__ import annotations

import json
import zlib
from hashlib import sha256
from typing import Any

from attrs import frozen

from refrain_cache.errors import NotJsonError

# Below this, zlib costs more time than the page it saves; model answers shrink by half above it.
PACK_ABOVE_BYTES = 2048
# Level 1 packs JSON nearly as tightly as level 6 in a third of the time.
_PACK_LEVEL = 1

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=True, separators=(",", ":")
).encode


class DamagedError(ValueError):
    """Stored bytes are not those that were stored."""


@frozen
class Encoded:
    """A stored form: `data` is JSON in UTF-8, zlib-packed if `packed`.

    `digest` is the SHA-256 of the JSON, so it is the same whichever zlib packed it.
    """

    data: bytes
    packed: bool
    digest: bytes

    def value(self) -> Any:
        """The value again, a copy of its own."""
        return decode(self.data, self.packed, self.digest)


def encode(value: Any) -> Encoded:
    """The stored form of a JSON value. Raises NotJsonError for what JSON cannot give back."""
    _refuse_lossy(value, "value")
    try:
        data = _encode(value).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJsonError(f"the answer is not JSON: {error}") from error
    digest = sha256(data).digest()
    if len(data) > PACK_ABOVE_BYTES:
        return Encoded(zlib.compress(data, _PACK_LEVEL), True, digest)
    return Encoded(data, False, digest)


def decode(data: bytes, packed: bool, digest: bytes) -> Any:
    """The value behind stored bytes. Raises DamagedError if they are not those that were stored."""
    if packed:
        try:
            data = zlib.decompress(data)
        except zlib.error as error:
            raise DamagedError(f"it cannot be unpacked: {error}") from error
    if sha256(data).digest() != digest:
        raise DamagedError("its bytes do not match their digest")
    return json.loads(data.decode("utf-8", "surrogatepass"))


def _refuse_lossy(value: Any, path: str) -> None:
    # json.dumps turns the key 1 into "1" without a word: the hit would differ from the miss.
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise NotJsonError(f"the answer is not JSON: {path} has the key {name!r}")
            if isinstance(inner, (dict, list, tuple)):
                _refuse_lossy(inner, f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        for inner in value:
            if isinstance(inner, (dict, list, tuple)):
                _refuse_lossy(inner, f"{path}[]")
