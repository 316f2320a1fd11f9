"""Exports mutated at random, a fixed seed each: no import raises but for the file, none hangs.

REFRAIN_FUZZ_EXPORTS says how many (10,000 for a thorough run).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from pathlib import Path
from typing import Any

from tests.faults.cache.exports import Line, exported, packed, still_there

from refrain_cache import AsyncCache, CacheSettings, PortableFileError
from refrain_cache.codec import encode
from refrain_cache.fingerprint import derive_key

ROUNDS = int(os.environ.get("REFRAIN_FUZZ_EXPORTS", "600"))
PATIENCE_S = 30
ENTRIES = 6

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, float("nan"), float("inf"), 10**30, 2**63),
    *("", "0", "NaN", "\x00", "\ud83d", "é" * 300, "x" * 3000, "sha256:", "{", "{}", "[]", "1.0"),
    *([], [[]], {}, {"a": {}}, {"hashed": {}, "identity": {}, "params": {}}, {"format": "x"}),
)


def change_bytes(data: bytes, chance: random.Random) -> bytes:
    """`data` with some of its bytes flipped, cut out, doubled, or put in."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 3, 20))):
        at = chance.randrange(len(changed) + 1)
        to = min(len(changed), at + chance.choice((1, 1, 8, 200)))
        what = chance.randrange(5)
        if what == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            del changed[at:to]
        elif what == 2:
            changed[at:at] = changed[at:to]
        elif what == 3:
            changed[at:at] = chance.choice((b"\n", b'"', b"\\", b"}", b"[" * 5000, b"\xff", b"\0"))
        else:
            del changed[at:]
    return bytes(changed)


def change_json(value: Any, chance: random.Random) -> Any:
    """`value` with something in it dropped, doubled, renamed or replaced."""
    if isinstance(value, str) and value[:1] in "{[" and chance.random() < 0.5:
        # Canonical texts inside: what they say is changed, not only how they are written.
        with contextlib.suppress(ValueError):
            inner = change_json(json.loads(value), chance)
            return json.dumps(inner, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value or chance.random() < 0.2:
        return chance.choice(ODD)
    if isinstance(value, list):
        changed = list(value)
        at = chance.randrange(len(changed))
        changed[at : at + 1] = chance.choice(
            ([], [value[at]] * 2, [change_json(value[at], chance)])
        )
        return changed
    name = chance.choice(list(value))
    changed = dict(value)
    what = chance.randrange(4)
    if what == 0:
        del changed[name]
    elif what == 1:
        changed[str(chance.choice(ODD))] = changed.pop(name)
    else:
        changed[name] = change_json(value[name], chance)
    return changed


def change_lines(lines: list[Line], chance: random.Random) -> list[Any]:
    """The lines with one of them changed, doubled, moved, or mixed with another."""
    changed: list[Any] = list(lines)
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    what = chance.randrange(8)
    if what == 0:
        changed.insert(other, changed[at])
    elif what == 1:
        name = chance.choice(list(lines[1]))
        changed[at] = {**lines[at], name: lines[other].get(name)}
    elif what == 2:
        changed[at] = json.dumps(lines[at]).replace(
            ", ", f', "{chance.choice(list(lines[1]))}": 1, ', 1
        )
        changed[at] = changed[at].encode()
    else:
        for _ in range(chance.choice((1, 1, 2))):
            changed[at] = change_json(changed[at], chance)
        if chance.random() < 0.6:
            changed[at] = made_consistent(changed[at])
    return changed


def made_consistent(line: Any) -> Any:
    """The line with the key and the digest that go with it, where there are any."""
    try:
        key = derive_key(line["kind"], line["content"], line["recipe"])
        return {**line, "key": key, "digest": encode(line["answer"]).digest.hex()}
    except (TypeError, KeyError, ValueError, RecursionError):
        return line


def mutated(lines: list[Line], chance: random.Random) -> bytes:
    what = chance.randrange(5)
    if what == 0:
        return change_bytes(packed(list(lines)), chance)
    if what == 1:
        return packed(list(lines), lambda data: change_bytes(data, chance))
    return packed(change_lines(lines, chance))


async def test_no_mutated_export_breaks_or_poisons_the_cache(
    settings: CacheSettings, tmp_path: Path
) -> None:
    lines = await exported(tmp_path, ENTRIES)
    file = tmp_path / "mutated"
    said = {"taken": 0, "refused": 0, "no export": 0}
    async with AsyncCache(settings) as cache:
        for seed in range(ROUNDS):
            file.write_bytes(mutated(lines, random.Random(seed)))
            try:
                done = await asyncio.wait_for(cache.import_(file), PATIENCE_S)
            except (PortableFileError, OSError):
                said["no export"] += 1
                continue
            said["taken"] += done.entries
            said["refused"] += done.refused
            for sentence in done.rejected:
                assert sentence.isprintable(), (seed, sentence)
                assert len(sentence) < 400, seed
        found = await cache.verify()
        assert found.clean, found.damaged
        assert all([await still_there(cache, n) for n in range(ENTRIES)])
        for entry in (await cache.entries(limit=1000)).entries:
            assert (await cache.explain_key(entry.key)).would_hit
        # What got in moves on: nothing was taken that would not be taken again.
        moved = await cache.export(tmp_path / "again")
        assert (moved.entries, moved.rejected) == (found.checked, ())
    # A fuzz that only makes garbage, or nothing wrong, shows nothing.
    assert said["refused"] > ROUNDS // 3
    assert said["no export"] > ROUNDS // 50
    print(f"{ROUNDS} mutated exports: {said}, {found.checked} entries stored")
