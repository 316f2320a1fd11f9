"""An answer as the server holds it: sealed, so that what was changed there is not given out. Pure.

    value = FORM · seal · length of the head · head · answer

The head is JSON: the key, the ingredients it follows from, and what else an entry has. The seal is
over all but itself: an HMAC-SHA256 if there is a secret, else a SHA-256, which finds damage and
mistakes, not lies. Whoever has a secret takes nothing without.
"""

from __future__ import annotations

import hmac
import json
import math
from hashlib import sha256
from typing import Any, NamedTuple

from refrain_cache.codec import Encoded
from refrain_cache.entry import NewEntry
from refrain_cache.errors import CacheError
from refrain_cache.fingerprint import Fingerprint, restored

# Of a whole value. Model answers take some kilobytes; what is larger is kept on its machine.
LARGEST_BYTES = 1 << 20
# What one of those may unpack to: JSON of words shrinks to a fifth.
LARGEST_UNPACKED = 16 << 20
# Its last byte is the version.
_FORM = b"RFRN\x01"
_HEAD_AT = len(_FORM) + 32 + 4
_DIGEST_BYTES = 32
# Longer than any kind or model is called, and as long as a label may be.
_NAME_CHARS, _LABEL_CHARS = 500, 200
# A year, in ms: as dear as an entry may be.
_DEAREST_MS = 3.2e10
# Long after every clock; what is later would be infinite somewhere.
_LATEST_S = 1e15


class RefusedError(ValueError):
    """What is under a key is not what was put there; the message says how that shows."""


# Made on every hit: a tuple is, in half the time of a frozen class.
class Shared(NamedTuple):
    """An answer from the server, and what it answers.

    Moments in seconds since the epoch; `expires_at` is None for what never does.
    """

    fingerprint: Fingerprint
    encoded: Encoded
    cost_ms: float
    label: str
    model: str
    created_at: float
    expires_at: float | None


def seal(new: NewEntry, now: float, secret: bytes | None) -> bytes:
    """The value for an entry that is made `now`."""
    printed, encoded = new.fingerprint, new.encoded
    # In a terminal, what is not printable could do more than be read.
    label = "".join(c if c.isprintable() else " " for c in new.label)
    expires_at = None if new.ttl is None else now + new.ttl
    parts = [
        [printed.key, printed.kind, printed.content, printed.recipe],
        [new.model, label],
        [float(new.cost_ms), now, expires_at],
        [int(encoded.packed), encoded.digest.hex()],
    ]
    head = json.dumps(parts).encode()
    sealed = len(head).to_bytes(4, "big") + head + encoded.data
    return _FORM + _seal_of(sealed, secret) + sealed


def unseal(
    data: bytes, key: str, secret: bytes | None, *, asked: Fingerprint | None = None
) -> Shared:
    """The answer in the value found under `key`, which `asked` is the fingerprint of, if known.

    Raises RefusedError. The answer itself must still match its digest: `codec.decode` looks.
    """
    if len(data) > LARGEST_BYTES:
        raise RefusedError(f"it is longer than {LARGEST_BYTES} bytes")
    if not data.startswith(_FORM) or len(data) < _HEAD_AT:
        raise RefusedError("it is no value of this version")
    sealed = data[_HEAD_AT - 4 :]
    if not hmac.compare_digest(data[len(_FORM) : _HEAD_AT - 4], _seal_of(sealed, secret)):
        raise RefusedError(
            "its seal does not match: it was changed, or sealed with another secret or none"
            if secret
            else "its seal does not match: it was changed, or sealed with a secret"
        )
    ends_at = 4 + int.from_bytes(sealed[:4], "big")
    try:
        return _entry(json.loads(sealed[4:ends_at].decode()), sealed[ends_at:], key, asked)
    except (ValueError, TypeError, CacheError, RecursionError) as error:
        raise RefusedError(f"it cannot be used: {error}") from error


def _entry(head: Any, data: bytes, key: str, asked: Fingerprint | None) -> Shared:
    """Raises ValueError, TypeError or CacheError where a part of the head is wrong."""
    (its_key, *parts), names, (cost_ms, created_at, expires_at), (packed, digest) = head
    model, label = names
    if its_key != key:
        raise ValueError("it belongs to another key")
    if asked is None:
        asked = restored(key, *parts)
    elif tuple(parts) != asked[1:]:
        raise ValueError("it answers another question")
    for text, chars in ((model, _NAME_CHARS), (label, _LABEL_CHARS)):
        if type(text) is not str or len(text) > chars or not text.isprintable():
            raise ValueError("its model or its label is no text for people")
    ends = math.inf if expires_at is None else expires_at
    for number, highest in ((cost_ms, _DEAREST_MS), (created_at, _LATEST_S), (ends, math.inf)):
        if type(number) is not float or not 0.0 <= number <= highest:
            raise ValueError("one of its numbers is none")
    if packed not in (0, 1) or len(digest) != 2 * _DIGEST_BYTES:
        raise ValueError("it does not say how its answer is packed")
    encoded = Encoded(data, bool(packed), bytes.fromhex(digest))
    return Shared(asked, encoded, cost_ms, label, model, created_at, expires_at)


def _seal_of(sealed: bytes, secret: bytes | None) -> bytes:
    if secret is None:
        return sha256(sealed).digest()
    return hmac.digest(secret, sealed, "sha256")
