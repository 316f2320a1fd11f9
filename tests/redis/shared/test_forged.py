"""A value changed by hand on the server is never given out, and is told of."""

from __future__ import annotations

import asyncio
import logging
import random
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from tests.redis.serving import RealServer
from tests.redis.shared.conftest import Machine, until, until_there

from refrain_cache import Fingerprint, fingerprint
from refrain_cache.entry import new_entry
from refrain_cache.shared.value import seal

_MUTATIONS = 1000
_SECRET, _FORGED = b"of all machines", {"answer": "forged"}
_NAME = "refrain:{%s}"

Change = Callable[[random.Random, bytes, bytes, Fingerprint], bytes]


def forged(fp: Fingerprint, secret: bytes | None) -> bytes:
    return seal(new_entry(fp, _FORGED, ttl=None, cost_ms=9.0, label="l", model="m:1"), 1.0, secret)


def flipped(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    at = rng.randrange(len(value))
    return value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1 :]


def scrambled(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    for _ in range(rng.randrange(2, 40)):
        value = flipped(rng, value, other, fp)
    return value + b"!"


def cut(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    return value[: rng.randrange(1, len(value))]


def bloated(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    return value + rng.choice([b"\0", b" "]) * rng.choice([1, 7, 5000, 1 << 20, 8 << 20])


def swapped(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    return other


def answer_swapped(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    """The seal, the head and the answer each of one of the two."""
    at = rng.choice([5, 37, value.index(b'{"answer"')])
    return value[:at] + other[at:]


def foreign(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    return rng.choice([b"{}", b"null", rng.randbytes(300), b"RFRN\x01", b"RFRN\x02" + value[5:]])


def endless(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    """A head that claims to be longer than all there is, or shorter."""
    return value[:37] + rng.choice([b"\xff" * 4, b"\0" * 4, b"\0\0\0\1"]) + value[41:]


def signed_by_a_stranger(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    return forged(fp, rng.randbytes(32))


def not_signed(rng: random.Random, value: bytes, other: bytes, fp: Fingerprint) -> bytes:
    return forged(fp, None)


BY_ANYONE: list[Change] = [
    *(flipped, scrambled, cut, bloated, swapped, answer_swapped, foreign, endless)
]
# Without a secret who writes there can also forge: what such a cache finds is damage.
BY_AN_ENEMY: list[Change] = [*BY_ANYONE, signed_by_a_stranger, not_signed]


@pytest.mark.parametrize("secret", [_SECRET, None], ids=["secret", "without"])
async def test_a_thousand_mutations(
    server: RealServer,
    machine: Machine,
    tmp_path: Path,
    secret: bytes | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "refrain.cache")
    rng = random.Random(20_261_127)
    file = tmp_path / "secret"
    file.write_bytes(_SECRET + b"\n")
    given = {"secret_file": file} if secret else {}
    here, there = await machine("here", **given), await machine("there", **given)
    changes = BY_AN_ENEMY if secret else BY_ANYONE
    asked = [fingerprint("api", n) for n in range(_MUTATIONS)]
    for n in range(_MUTATIONS):
        await here.set(content=n, cache_type="api", value={"answer": n, "text": "as it was " * 9})
    await until_there(server, _MUTATIONS)

    done: Counter[str] = Counter()
    with server.client() as client:
        values = client.mget([_NAME % fp.key for fp in asked])
        for n, fp in enumerate(asked):
            change = changes[n % len(changes)]
            changed = change(rng, values[n], values[n - 1], fp)
            assert changed != values[n], change
            done[change.__name__] += 1
            client.set(_NAME % fp.key, changed)
    assert sum(done.values()) == _MUTATIONS

    async def computed() -> object:
        return {"answer": "computed"}

    for at in range(0, _MUTATIONS, 50):
        found = await asyncio.gather(
            *(there.get_or_compute(fp, computed) for fp in asked[at : at + 50])
        )
        assert [o.value for o in found] == [{"answer": "computed"}] * 50
        assert {o.outcome for o in found} == {"miss"}
    stats = await there.get_stats()
    # Each is met twice: by the lookup, and by whoever asks for the lease.
    assert _MUTATIONS <= stats.refused_shared <= 2 * _MUTATIONS
    assert (stats.misses, stats.hits_shared, stats.lookups) == (_MUTATIONS, 0, _MUTATIONS)
    told = [r.getMessage() for r in caplog.records if "is refused" in r.getMessage()]
    assert len(told) == 1
    # What was computed has taken the place of what was forged.
    third = await machine("third", **given)
    with server.client() as client:
        await until(lambda: client.get(_NAME % asked[-1].key) != changed)
    assert (await third.get_or_compute(asked[-1], computed)).tier == "shared"


async def test_another_type_under_the_name_of_an_answer_is_refused_and_replaced(
    server: RealServer, machine: Machine
) -> None:
    there = await machine("there")
    fp = fingerprint("api", "a")

    async def computed() -> int:
        return 1

    with server.client() as client:
        client.rpush(_NAME % fp.key, "a list")
        assert (await there.get_or_compute(fp, computed)).outcome == "miss"
        await until(lambda: client.type(_NAME % fp.key) == b"string")
    assert (await there.get_stats()).refused_shared >= 1
    assert there.state.shared is not None
    assert there.state.shared.reason is None


async def test_a_machine_without_the_secret_and_one_with_it_do_not_take_each_others(
    server: RealServer, machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret")
    signing, plain = await machine("signing", secret_file=file), await machine("plain")
    await signing.set(content="a", cache_type="api", value=1)
    await plain.set(content="b", cache_type="api", value=1)
    await until_there(server, 2)
    assert await plain.get(content="a", cache_type="api") is None
    assert await signing.get(content="b", cache_type="api") is None


async def test_a_small_value_that_unpacks_to_gigabytes_is_not_unpacked(
    server: RealServer, machine: Machine
) -> None:
    there = await machine("there")
    fp = fingerprint("api", "a")
    bomb = zlib.compress(b'"' + b"a" * (200 << 20) + b'"', 9)
    assert len(bomb) < 1 << 20
    small = new_entry(fp, "", ttl=None, cost_ms=1.0, label="", model="")
    packed = attrs.evolve(small, encoded=small.encoded._replace(data=bomb, packed=True))
    with server.client() as client:
        client.set(_NAME % fp.key, seal(packed, 1.0, None))
    assert await there.lookup(fp) is None
    assert (await there.get_stats()).refused_shared == 1
