"""Answers as bytes: JSON, packed with zlib where that pays."""

from __future__ import annotations

import json
import marshal
import zlib
from hashlib import sha256
from typing import Any, NamedTuple

from refrain_cache.errors import NotJsonError

# Below this, zlib costs more time than the page it saves; model answers shrink by half above it.
PACK_ABOVE_BYTES = 2048
# Level 1 packs JSON nearly as tightly as level 6 in a third of the time.
_PACK_LEVEL = 1

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=True, separators=(",", ":")
).encode


# Without json.loads' looking for blanks around it, of which `_encode` leaves none; raises
# StopIteration where no value begins.
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class DamagedError(ValueError):
    """Stored bytes are not those that were stored."""


# From here on, in bytes, encoding and decoding take longer than an event loop may be held up.
LARGE_BYTES = 256 * 1024
# Deeper ones could be written by some callers and read by none whose stack is deep already.
_DEEPEST = 200


# Made on every hit from the file: a tuple is, in half the time of a frozen class.
class Encoded(NamedTuple):
    """A stored form: `data` is JSON in UTF-8, zlib-packed if `packed`.

    `digest` is the SHA-256 of the JSON, so it is the same whichever zlib packed it. `copy` is the
    value as `copied` takes it, where that was at hand.
    """

    data: bytes
    packed: bool
    digest: bytes
    copy: bytes | None = None

    def value(self) -> Any:
        """The value again, a copy of its own."""
        if self.copy is not None:
            return marshal.loads(self.copy)
        return decode(self.data, self.packed, self.digest)


def encode(value: Any, *, large: bool = False) -> Encoded:
    """The stored form of a JSON value; `large` makes it part by part (see `is_large`).

    Raises NotJsonError for what JSON cannot give back.
    """
    exact = _is_exact(value, _DEEPEST)
    try:
        text = _in_parts(value) if large else _encode(value)
        data = text.encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJsonError(f"the answer is not JSON: {error}") from error
    digest = sha256(data).digest()
    # No copy of a large one: making it holds up every other thread.
    copy = copied(value) if exact and len(data) <= LARGE_BYTES else None
    if len(data) > PACK_ABOVE_BYTES:
        return Encoded(zlib.compress(data, _PACK_LEVEL), True, digest, copy)
    return Encoded(data, False, digest, copy)


def copied(value: Any) -> bytes | None:
    """Plain JSON as bytes for this process only: marshal copies it three times faster than json.

    None for what is not quite plain (a subclass of str, for one).
    """
    try:
        return marshal.dumps(value)
    except ValueError:
        return None


def decode(data: bytes, packed: bool, digest: bytes, at_most: int = 0) -> Any:
    """The value behind stored bytes. Raises DamagedError if they are not those that were stored.

    `at_most` is how many bytes they may unpack to, where others may have packed them.
    """
    if not isinstance(data, bytes):
        # SQLite keeps what it is given, and another program may have given it text.
        raise DamagedError(f"it is {type(data).__name__}, no bytes")
    if packed:
        try:
            data = _unpacked(data, at_most) if at_most else zlib.decompress(data)
        except zlib.error as error:
            raise DamagedError(f"it cannot be unpacked: {error}") from error
    if sha256(data).digest() != digest:
        raise DamagedError("its bytes do not match their digest")
    try:
        return _scan(data.decode("utf-8", "surrogatepass"), 0)[0]
    except (ValueError, RecursionError, StopIteration) as error:
        raise DamagedError(f"it is no JSON: {error}") from error


def _unpacked(data: bytes, at_most: int) -> bytes:
    unpacking = zlib.decompressobj()
    unpacked = unpacking.decompress(data, at_most)
    if not unpacking.eof:
        raise DamagedError(f"it ends early, or unpacks to more than {at_most} bytes")
    return unpacked


def _in_parts(value: Any) -> str:
    """A value as JSON, a large one part by part: the encoder holds up every other thread."""
    if not is_large(value) or not isinstance(value, (dict, list, tuple)):
        return _encode(value)
    if isinstance(value, dict):
        named = (f"{_encode(name)}:{_in_parts(inner)}" for name, inner in value.items())
        return f"{{{','.join(named)}}}"
    return f"[{','.join(map(_in_parts, value))}]"


def is_large(value: Any) -> bool:
    """Whether encoding a value may take long; looks at no more of it than it must."""
    left, waiting = LARGE_BYTES, [value]
    while waiting:
        one = waiting.pop()
        kind = one.__class__
        if kind is str:
            left -= len(one)
        elif kind is dict or kind is list or kind is tuple:
            left -= 16 * len(one)
            if left > 0:
                waiting.extend(one.values() if kind is dict else one)
        if left <= 0:
            return True
    return False


def _is_exact(value: Any, deeper: int) -> bool:
    """Whether JSON gives back the very same; False for tuples, which come back as lists.

    Raises NotJsonError for keys that are no text (json.dumps turns 1 into "1" without a word), and
    for what is nested more than `deeper` levels.
    """
    if isinstance(value, dict):
        for name in value:
            if name.__class__ is not str and not isinstance(name, str):
                raise NotJsonError(f"the answer is not JSON: it has the key {name!r}, no text")
        value, exact = value.values(), True
    elif isinstance(value, (list, tuple)):
        exact = not isinstance(value, tuple)
    else:
        return True
    if not deeper:
        raise NotJsonError(f"the answer is nested deeper than {_DEEPEST} levels")
    for inner in value:
        # Leaves are most of an answer: told by their class, for a quarter of isinstance's time.
        if inner.__class__ not in _LEAVES and not _is_exact(inner, deeper - 1):
            exact = False
    return exact


_LEAVES = frozenset({str, int, float, bool, type(None)})
