"""An answer as the server holds it: sealed, so that what was changed there is not given out. Pure.

    value = FORM · seal · head · model · label · question · answer

The head has the key, the answer's digest, numbers, and how long what follows it is; the question is
JSON of the ingredients that the key follows from. The seal is over all behind it: an HMAC-SHA256 if
there is a secret, else a SHA-256, which finds damage and mistakes, not lies. Whoever has a secret
takes nothing without.
"""

from __future__ import annotations

import hmac
import json
import math
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

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
_SEALED_AT = len(_FORM) + 32
# The key, the digest; what it took to make, when that was, when it expires (never: infinite);
# whether the answer is packed; the bytes of the model, the label, the question.
_HEAD = Struct(">32s32sdddBIII")
_BEHIND_HEAD = _SEALED_AT + _HEAD.size
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

    Moments in seconds since the epoch; `expires_at` is infinite for what never does.
    """

    fingerprint: Fingerprint
    encoded: Encoded
    cost_ms: float
    label: str
    model: str
    created_at: float
    expires_at: float


def seal(new: NewEntry, now: float, secret: bytes | None) -> bytes:
    """The value for an entry that is made `now`."""
    printed, encoded = new.fingerprint, new.encoded
    # In a terminal, what is not printable could do more than be read.
    label = "".join(c if c.isprintable() else " " for c in new.label)
    question = json.dumps([printed.kind, printed.content, printed.recipe])
    texts = [text.encode() for text in (new.model, label, question)]
    head = _HEAD.pack(
        bytes.fromhex(printed.key),
        encoded.digest,
        new.cost_ms,
        now,
        math.inf if new.ttl is None else now + new.ttl,
        encoded.packed,
        *map(len, texts),
    )
    sealed = b"".join((head, *texts, encoded.data))
    return _FORM + _seal_of(sealed, secret) + sealed


def unseal(
    data: bytes, key: str, secret: bytes | None, *, asked: Fingerprint | None = None
) -> Shared:
    """The answer in the value found under `key`, which `asked` is the fingerprint of, if known.

    Raises RefusedError. The answer itself must still match its digest: `codec.decode` looks.
    """
    if len(data) > LARGEST_BYTES:
        raise RefusedError(f"it is longer than {LARGEST_BYTES} bytes")
    if not data.startswith(_FORM) or len(data) < _BEHIND_HEAD:
        raise RefusedError("it is no value of this version")
    sealed = data[_SEALED_AT:]
    if not hmac.compare_digest(data[len(_FORM) : _SEALED_AT], _seal_of(sealed, secret)):
        raise RefusedError(
            "its seal does not match: it was changed, or sealed with another secret or none"
            if secret
            else "its seal does not match: it was changed, or sealed with a secret"
        )
    try:
        return _opened(data, key, asked)
    except (ValueError, TypeError, CacheError, RecursionError) as error:
        raise RefusedError(f"it cannot be used: {error}") from error


def _opened(data: bytes, key: str, asked: Fingerprint | None) -> Shared:
    """Raises ValueError, TypeError or CacheError where a part of it is wrong."""
    its_key, digest, cost_ms, created_at, expires_at, packed, *sizes = _HEAD.unpack_from(
        data, _SEALED_AT
    )
    if its_key.hex() != key:
        raise ValueError("it belongs to another key")
    label_at = _BEHIND_HEAD + sizes[0]
    question_at = label_at + sizes[1]
    answer_at = question_at + sizes[2]
    model, label = data[_BEHIND_HEAD:label_at].decode(), data[label_at:question_at].decode()
    if not (model.isprintable() and label.isprintable()):
        raise ValueError("its model or its label is no text for people")
    if len(model) > _NAME_CHARS or len(label) > _LABEL_CHARS or answer_at > len(data):
        raise ValueError("a part of it is longer than it may be")
    if not (0.0 <= cost_ms <= _DEAREST_MS and 0.0 <= created_at <= _LATEST_S and expires_at >= 0.0):
        raise ValueError("one of its numbers is none")
    if packed not in (0, 1):
        raise ValueError("it does not say how its answer is packed")
    if asked is None:
        # An equal key is of an equal question: it is the digest of that.
        asked = restored(key, *json.loads(data[question_at:answer_at]))
    encoded = Encoded(data[answer_at:], bool(packed), digest)
    return Shared(asked, encoded, cost_ms, label, model, created_at, expires_at)


def _seal_of(sealed: bytes, secret: bytes | None) -> bytes:
    if secret is None:
        return sha256(sealed).digest()
    return hmac.digest(secret, sealed, "sha256")
