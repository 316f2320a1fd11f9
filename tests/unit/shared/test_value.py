"""A sealed value gives back what was sealed, under its own key and secret, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_cache import Fingerprint, codec, fingerprint
from refrain_cache.entry import new_entry
from refrain_cache.shared.value import RefusedError, seal, unseal

ASKED = fingerprint("api", "a", params={"n": 1}, identity={"model": "m"})
SECRETS = st.none() | st.binary(min_size=1, max_size=40)
ANSWERS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def sealed(value: object, secret: bytes | None, fp: Fingerprint = ASKED) -> bytes:
    new = new_entry(fp, value, ttl=60.0, cost_ms=7, label="la\nbel", model="m")
    return seal(new, 1000.0, secret)


@given(ANSWERS, SECRETS)
def test_it_gives_back_what_was_sealed(value: object, secret: bytes | None) -> None:
    for asked in (ASKED, None):
        found = unseal(sealed(value, secret), ASKED.key, secret, asked=asked)
        assert codec.decode(*found.encoded[:3], 1 << 24) == value
        assert (found.created_at, found.expires_at) == (1000.0, 1060.0)
        assert (found.fingerprint, found.label, found.cost_ms) == (ASKED, "la bel", 7.0)


@given(st.data(), SECRETS)
def test_no_changed_byte_goes_unseen(data: st.DataObject, secret: bytes | None) -> None:
    value = sealed({"a": [1, 2]}, secret)
    at = data.draw(st.integers(0, len(value) - 1))
    changed = bytearray(value)
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RefusedError):
        unseal(bytes(changed), ASKED.key, secret, asked=ASKED)


@given(SECRETS, SECRETS)
def test_only_who_has_the_secret_takes_it(ours: bytes | None, theirs: bytes | None) -> None:
    value = sealed(1, theirs)
    if ours == theirs:
        unseal(value, ASKED.key, ours)
    else:
        with pytest.raises(RefusedError, match="seal"):
            unseal(value, ASKED.key, ours)


def test_another_key_or_question_is_refused() -> None:
    other = fingerprint("api", "b")
    with pytest.raises(RefusedError, match="another key"):
        unseal(sealed(1, None), other.key, None, asked=other)
    # Where nobody asked, the key has to follow from the question that stands beside it.
    with pytest.raises(RefusedError, match="its key does not belong to its ingredients"):
        unseal(sealed(1, None, other._replace(key=ASKED.key)), ASKED.key, None)
