"""An export made by a stranger, or damaged on its way: refused entry by entry, by line."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.faults.cache.exports import Line, exported, packed, still_there

from refrain_cache import AsyncCache, CacheSettings, Fingerprint, PortableFileError, fingerprint
from refrain_cache.codec import encode
from refrain_cache.fingerprint import derive_key
from refrain_cache.sqlite import portable
from refrain_cache.sqlite.reader import ReadConnection

PATIENCE_S = 60


def rekeyed(line: Line, **changed: Any) -> Line:
    """The line with other ingredients, and the key that can be derived from them."""
    line = {**line, **changed}
    return {**line, "key": derive_key(line["kind"], line["content"], line["recipe"])}


def answering(line: Line, answer: Any) -> Line:
    """The line with another answer, and the digest that belongs to it."""
    return {**line, "answer": answer, "digest": encode(answer).digest.hex()}


def asked(line: Line, question: int) -> Line:
    """The line as the answer to another question."""
    return rekeyed(line, content=fingerprint("api", question).content)


INGREDIENTS = ("key", "kind", "content", "recipe")


def in_recipe(line: Line, **changed: Any) -> Line:
    recipe = json.dumps(
        {**json.loads(line["recipe"]), **changed}, sort_keys=True, separators=(",", ":")
    )
    return rekeyed(line, recipe=recipe)


DEEP = 100_000
SPOILT: dict[str, Callable[[Line], Any]] = {
    **{
        f"no {name}": lambda line, name=name: _without(line, name)
        for name in (
            "key",
            "kind",
            "model",
            "label",
            "content",
            "recipe",
            "answer",
            "digest",
            "created_at",
            "expires_at",
            "cost_ms",
        )
    },
    **{
        f"{name} is {value!r}": lambda line, name=name, value=value: {**line, name: value}
        for name in ("cost_ms", "expires_at", "created_at")
        for value in (float("nan"), float("inf"), -1.0, True, "5", 10**400, [], {})
    },
    **{
        f"{name} is {value!r}": lambda line, name=name, value=value: {**line, name: value}
        for name in ("key", "kind", "model", "label", "content", "recipe", "digest")
        for value in (None, 7, True, [], {})
    },
    "cost_ms is null": lambda line: {**line, "cost_ms": None},
    "an array": lambda line: [line],
    "a number": lambda line: b"7",
    "no JSON": lambda line: b"{not json",
    "no UTF-8": lambda line: json.dumps(line).encode().replace(b"label 1", b"label \xff"),
    "UTF-16": lambda line: json.dumps(line).encode("utf-16"),
    "an integer of 5000 digits": lambda line: _raw(line, "cost_ms", b"9" * 5000),
    "a deep answer": lambda line: _raw(line, "answer", b"[" * DEEP + b"]" * DEEP),
    "an answer deeper than can be stored": lambda line: _raw(
        line, "answer", b"[" * 300 + b"]" * 300
    ),
    "an infinite answer": lambda line: _raw(line, "answer", b"1e999"),
    "NaN in the answer": lambda line: _raw(line, "answer", b"[NaN]"),
    "another answer": lambda line: {**line, "answer": "forged"},
    "a digest in capitals": lambda line: {**line, "digest": line["digest"].upper()},
    "a key in capitals": lambda line: {**line, "key": line["key"].upper()},
    "half a surrogate pair in the kind": lambda line: {**line, "kind": "a\ud83d"},
    "half a surrogate pair in the model": lambda line: {**line, "model": "a\ud83d"},
    "a kind with control characters": lambda line: rekeyed(line, kind="api\x1b[2J"),
    "an empty kind": lambda line: rekeyed(line, kind=""),
    "a kind of a megabyte": lambda line: rekeyed(line, kind="k" * 2**20),
    "a model of a megabyte": lambda line: {**line, "model": "m" * 2**20},
    "a model with control characters": lambda line: {**line, "model": "m\r\n\x00"},
    "a recipe that is no JSON": lambda line: rekeyed(line, recipe="{"),
    "a recipe that is a list": lambda line: rekeyed(line, recipe="[]"),
    "a recipe without its parts": lambda line: rekeyed(line, recipe="{}"),
    "a recipe with a part too many": lambda line: in_recipe(line, more=1),
    "a recipe with blanks": lambda line: rekeyed(line, recipe=line["recipe"].replace(":", ": ")),
    "a recipe with a key twice": lambda line: rekeyed(
        line, recipe=line["recipe"].replace('"params":', '"params":{"a":1},"params":')
    ),
    "a deep recipe": lambda line: rekeyed(
        line, recipe='{"hashed":{},"identity":' + "[" * DEEP + "]" * DEEP + ',"params":{}}'
    ),
    "NaN in the recipe": lambda line: rekeyed(
        line, recipe='{"hashed":{},"identity":{"a":NaN},"params":{}}'
    ),
    "params that are a number": lambda line: in_recipe(line, params=0),
    "hashed that is a list": lambda line: in_recipe(line, hashed=["content"]),
    "hashed that names a number": lambda line: in_recipe(
        line, hashed={"params.a": "json"}, params={"a": 7}
    ),
    "hashed that names a plain text": lambda line: in_recipe(
        line, hashed={"params.a": "json"}, params={"a": "no hash"}
    ),
    "content that is no JSON": lambda line: rekeyed(line, content="text 1"),
    "content that is not canonical": lambda line: rekeyed(line, content="1.0"),
    "content that takes the kind along": lambda line: rekeyed(line, content='1,"kind":"x"'),
}


def _without(line: Line, name: str) -> Line:
    return {key: value for key, value in line.items() if key != name}


def _raw(line: Line, name: str, text: bytes) -> bytes:
    return json.dumps({**line, name: "@@"}).encode().replace(b'"@@"', text)


async def test_each_spoilt_entry_is_refused_by_its_line_and_spoils_no_other(
    settings: CacheSettings, tmp_path: Path
) -> None:
    header, first, spoilt, last = await exported(tmp_path)
    file = tmp_path / "hostile"
    async with AsyncCache(settings) as cache:
        for name, spoil in SPOILT.items():
            file.write_bytes(packed([header, first, spoil(spoilt), last]))
            done = await cache.import_(file)
            (refusal,) = done.rejected
            assert refusal.startswith("line 3: "), name
            assert len(refusal) < 400, name
            assert refusal.isprintable(), (name, refusal)
            assert (done.entries + done.here, done.refused) == (2, 1), name
        assert await still_there(cache, 0)
        assert await still_there(cache, 2)
        assert not await still_there(cache, 1)
        assert (await cache.verify()).clean
        # What was taken in is what other questions are compared with.
        for entry in (await cache.entries()).entries:
            assert (await cache.explain_key(entry.key)).would_hit
        missed = await cache.explain(fingerprint("api", "text 0", identity={"model": "other"}))
        assert missed.cause.startswith("the model changed")


async def test_answers_of_any_json_move_as_they_are(
    settings: CacheSettings, tmp_path: Path
) -> None:
    header, *lines = await exported(tmp_path)
    odd = [None, True, 0, -0.0, 1e-300, 2**80, "", "\ud83d", [], {}, {"": {"": []}}, "\x00\u2028"]
    async with AsyncCache(settings) as cache:
        for n, answer in enumerate(odd):
            line = asked(answering(lines[0], answer), n)
            (tmp_path / "odd").write_bytes(packed([header, line]))
            assert (await cache.import_(tmp_path / "odd")).rejected == ()
            found = await cache.lookup(Fingerprint(**{name: line[name] for name in INGREDIENTS}))
            assert found is not None
            assert repr(found.value) == repr(answer)
        assert (await cache.verify()).clean


async def test_a_label_is_shown_without_its_control_characters(
    settings: CacheSettings, tmp_path: Path
) -> None:
    header, line, *_ = await exported(tmp_path)
    (tmp_path / "out").write_bytes(packed([header, {**line, "label": "a\x1b[2J\nb" * 99}]))
    async with AsyncCache(settings) as cache:
        assert (await cache.import_(tmp_path / "out")).rejected == ()
        (entry,) = (await cache.entries()).entries
        assert entry.label.isprintable()
        assert len(entry.label) == 200


async def test_an_entry_larger_than_the_cache_is_refused_by_name(tmp_path: Path) -> None:
    header, first, spoilt, last = await exported(tmp_path)
    large = answering(spoilt, random.Random(7).randbytes(100_000).hex())
    (tmp_path / "out").write_bytes(packed([header, first, large, last]))
    settings = CacheSettings(cache_dir=tmp_path / "cache", max_bytes=65_536)
    async with AsyncCache(settings) as cache:
        done = await cache.import_(tmp_path / "out")
        assert done.entries == 2
        (refusal,) = done.rejected
        assert refusal.startswith("line 3: ")
        assert "caching.max_bytes" in refusal
        assert await still_there(cache, 0)
        assert await still_there(cache, 2)


async def test_one_key_twice_is_taken_once(settings: CacheSettings, tmp_path: Path) -> None:
    header, line, *_ = await exported(tmp_path)
    (tmp_path / "out").write_bytes(packed([header, line, answering(line, "second"), line]))
    async with AsyncCache(settings) as cache:
        done = await cache.import_(tmp_path / "out")
        assert (done.entries, done.here, done.rejected) == (1, 2, ())
        assert await still_there(cache, 0)
        assert (await cache.verify()).clean


@pytest.mark.parametrize("count", [-5, True, 1e300, 10**300, "3", None, [], 0, 1])
async def test_a_header_that_lies_about_its_entries_only_misleads_the_progress(
    settings: CacheSettings, tmp_path: Path, count: Any
) -> None:
    header, *lines = await exported(tmp_path)
    (tmp_path / "out").write_bytes(packed([{**header, "entries": count}, *lines]))
    told: list[tuple[int, int | None]] = []
    async with AsyncCache(settings) as cache:
        done = await cache.import_(tmp_path / "out", lambda *now: told.append(now))
    assert (done.entries, done.rejected) == (3, ())
    assert told == [(3, None)]


async def test_only_the_first_refusals_are_named_and_the_rest_counted(
    settings: CacheSettings, tmp_path: Path
) -> None:
    header, line, *_ = await exported(tmp_path)
    (tmp_path / "out").write_bytes(packed([header, *[b"{}"] * 5000, line]))
    async with AsyncCache(settings) as cache:
        done = await cache.import_(tmp_path / "out")
    assert (done.entries, done.refused) == (1, 5000)
    assert len(done.rejected) == 101
    assert done.rejected[-2:] == ("and 4,900 more", "line 5001: it has no 'created_at'")


# --- bombs ----------------------------------------------------------------------------------------

# Peak memory, the seconds' worth of hang excepted, is what a bomb is after: run where it can be
# measured. Prints what import_ said and by how many MiB the process grew.
_IMPORTING = """
import asyncio, json, resource, sys
from pathlib import Path
from refrain_cache import AsyncCache, CacheSettings, PortableFileError

async def main():
    async with AsyncCache(CacheSettings(cache_dir=Path(sys.argv[1]))) as cache:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            done = await cache.import_(Path(sys.argv[2]))
            said = [done.entries, done.here, list(done.rejected)]
        except PortableFileError as error:
            said = [0, 0, [str(error)]]
        clean = (await cache.verify()).clean
        grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(json.dumps([*said, grew / 1024, clean]))

asyncio.run(main())
"""


def bomb(file: Path, before: bytes, repeated: bytes, size: int, after: bytes = b"") -> Path:
    """An export of `size` bytes more than what is said; small, as the repeated part packs well."""
    part = repeated * (2**20 // len(repeated))
    packer = zlib.compressobj(1, wbits=31)
    with file.open("wb") as out:
        out.write(packer.compress(before))
        for _ in range(size // len(part)):
            out.write(packer.compress(part))
        out.write(packer.compress(after) + packer.flush())
    return file


def imported(tmp_path: Path, file: Path) -> tuple[int, int, list[str], float, bool]:
    ran = subprocess.run(
        [sys.executable, "-c", _IMPORTING, str(tmp_path / "cache"), str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return tuple(json.loads(ran.stdout))  # type: ignore[return-value]


async def test_a_line_without_end_is_skipped_in_little_memory(tmp_path: Path) -> None:
    header, first, _, last = await exported(tmp_path)
    before = packed_lines(header, first)
    file = bomb(tmp_path / "bomb", before, b" ", 160 << 20, b"\n" + packed_lines(last))
    entries, _, rejected, grew, clean = imported(tmp_path, file)
    assert entries == 2
    (refusal,) = rejected
    assert refusal.startswith("line 3: ")
    assert "32 MiB" in refusal
    assert grew < 150
    assert clean


async def test_a_compression_bomb_is_left_after_a_while(tmp_path: Path) -> None:
    header, first, *_ = await exported(tmp_path)
    file = bomb(tmp_path / "bomb", packed_lines(header, first), b"\0", 640 << 20)
    entries, _, rejected, grew, clean = imported(tmp_path, file)
    assert entries == 1
    assert "was not read" in rejected[-1]
    assert grew < 150
    assert clean


async def test_a_bomb_of_a_header_is_no_export(tmp_path: Path) -> None:
    file = bomb(tmp_path / "bomb", b"", b"[", 256 << 20)
    _, _, (refusal,), grew, _ = imported(tmp_path, file)
    assert "is not an export" in refusal
    assert grew < 50


async def test_millions_of_bad_lines_are_not_all_read(tmp_path: Path) -> None:
    header, *_ = await exported(tmp_path)
    file = bomb(tmp_path / "bomb", packed_lines(header), b"{}\n", 128 << 20)
    _, _, rejected, grew, _ = imported(tmp_path, file)
    assert "was not read" in rejected[-1]
    assert grew < 50


async def test_an_answer_of_a_million_parts_is_refused_before_it_is_unfolded(
    tmp_path: Path,
) -> None:
    header, first, spoilt, last = await exported(tmp_path)
    start, end = _raw(spoilt, "answer", b"[@@]").split(b"@@")
    before = packed_lines(header, first) + start
    file = bomb(
        tmp_path / "bomb", before, b"[],", 24 << 20, b"0" + end + b"\n" + packed_lines(last)
    )
    entries, _, (refusal,), grew, clean = imported(tmp_path, file)
    assert entries == 2
    assert refusal.startswith("line 3: ")
    assert grew < 250
    assert clean


def packed_lines(*lines: Line) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


# --- files that are none --------------------------------------------------------------------------


async def test_only_a_regular_file_is_opened(settings: CacheSettings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    places = [tmp_path / "fifo", Path("/dev/zero"), Path("/dev/null")]
    async with AsyncCache(settings) as cache:
        for place in places:
            with pytest.raises(PortableFileError, match="no regular file"):
                await asyncio.wait_for(cache.import_(place), PATIENCE_S)
        for name in ("a\0b", "a\ud83d"):
            with pytest.raises(PortableFileError, match="no path"):
                await cache.import_(tmp_path / name)
        with pytest.raises(IsADirectoryError):
            await cache.import_(tmp_path / "folder")
        with pytest.raises(FileNotFoundError):
            await cache.import_(tmp_path / "nowhere")


async def test_an_export_that_is_not_packed_is_no_export(
    settings: CacheSettings, tmp_path: Path
) -> None:
    lines = await exported(tmp_path)
    (tmp_path / "plain").write_bytes(gzip.decompress(packed(lines)))
    async with AsyncCache(settings) as cache:
        with pytest.raises(PortableFileError, match="not an export"):
            await cache.import_(tmp_path / "plain")


async def test_what_follows_the_packed_part_is_told_and_does_no_harm(
    settings: CacheSettings, tmp_path: Path
) -> None:
    header, *lines = await exported(tmp_path)
    whole = packed([header, *lines])
    async with AsyncCache(settings) as cache:
        (tmp_path / "out").write_bytes(whole + b"garbage")
        done = await cache.import_(tmp_path / "out")
        assert done.entries == 3
        assert "damaged" in done.rejected[-1]
        # Several members are one file to gzip; the second header is no entry.
        (tmp_path / "out").write_bytes(whole + whole)
        done = await cache.import_(tmp_path / "out")
        assert (done.here, len(done.rejected)) == (6, 1)
        assert done.rejected[0].startswith("line 5: ")


async def test_every_cut_of_an_export_gives_what_is_whole(
    settings: CacheSettings, tmp_path: Path
) -> None:
    whole = packed(await exported(tmp_path))
    async with AsyncCache(settings) as cache:
        for length in range(0, len(whole), 7):
            (tmp_path / "cut").write_bytes(whole[:length])
            try:
                done = await cache.import_(tmp_path / "cut")
            except PortableFileError:
                continue
            assert "ends early" in done.rejected[-1]
        assert (await cache.verify()).clean


async def test_no_line_is_unpacked_or_parsed_in_the_event_loop(
    settings: CacheSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_bytes(packed(await exported(tmp_path)))
    where: set[int] = set()
    for name in ("_announced", "_lines", "_imported"):
        really = getattr(portable, name)

        def told(*given: Any, really: Callable[..., Any] = really) -> Any:
            where.add(threading.get_ident())
            return really(*given)

        monkeypatch.setattr(portable, name, told)
    async with AsyncCache(settings) as cache:
        assert (await cache.import_(tmp_path / "out")).entries == 3
    assert where
    assert threading.get_ident() not in where


# --- exporting ------------------------------------------------------------------------------------


async def test_an_export_follows_no_link_that_lies_in_wait(
    settings: CacheSettings, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f"out.{os.getpid()}.partial").symlink_to(victim)
    async with AsyncCache(settings) as cache:
        await cache.set(content="a", cache_type="api", value=1)
        assert (await cache.export(tmp_path / "out")).entries == 1
    assert victim.read_text() == "precious"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


async def test_an_export_replaces_files_only(settings: CacheSettings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    async with AsyncCache(settings) as cache:
        with pytest.raises(OSError, match="no regular file"):
            await cache.export(tmp_path / "fifo")
        for place in (tmp_path / "folder", tmp_path / "folder" / ".."):
            with pytest.raises(OSError, match="Is a directory"):
                await cache.export(place)
        with pytest.raises(FileNotFoundError):
            await cache.export(tmp_path / "nowhere" / "out")
    assert (tmp_path / "fifo").is_fifo()
    assert not list(tmp_path.glob("**/*.partial"))


async def test_a_full_disk_ends_an_export_and_leaves_nothing(
    settings: CacheSettings, small_disk: Path
) -> None:
    (small_disk / "out").write_bytes(b"the last export")
    async with AsyncCache(settings) as cache:
        for n in range(40):
            words = random.Random(n).randbytes(40_000).hex()
            await cache.set(content=n, cache_type="api", value=words)
        with pytest.raises(OSError, match="No space left"):
            await cache.export(small_disk / "out")
        assert (await cache.verify()).clean
    assert [file.name for file in small_disk.iterdir()] == ["out"]
    assert (small_disk / "out").read_bytes() == b"the last export"


async def test_export_and_verify_read_large_answers_a_few_at_a_time(
    settings: CacheSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    really_execute = ReadConnection.execute

    def execute(conn: ReadConnection, *statement: Any) -> Any:
        rows = really_execute(conn, *statement)
        read.append(sum(len(value) for row in rows for value in row if isinstance(value, bytes)))
        return rows

    async with AsyncCache(settings) as cache:
        for n in range(14):
            words = random.Random(n).randbytes(1_000_000).hex()
            await cache.set(content=n, cache_type="api", value=words)
        monkeypatch.setattr(ReadConnection, "execute", execute)
        assert (await cache.export(tmp_path / "out")).entries == 14
        assert (await cache.verify()).checked == 14
    assert sum(read) > 28_000_000
    assert max(read) < 10_000_000


async def test_a_row_that_was_tampered_with_is_named_and_stays_behind(
    settings: CacheSettings, database: Path, tmp_path: Path
) -> None:
    wrong = {
        "value": "x",
        "key": "text",
        "content": '"sha256:forged"',
        "recipe_hash": b"gone",
        "digest": None,
        "expires_at": "soon",
        "cost_ms": float("inf"),
    }
    async with AsyncCache(settings) as cache:
        for n in range(len(wrong) + 1):
            await cache.set(content=n, cache_type="api", value=n)
        await cache.set(content="r", cache_type="api", value=1, params={"a": 1})
    with sqlite3.connect(database, isolation_level=None) as tampering:
        tampering.execute("PRAGMA ignore_check_constraints = 1")
        for n, (column, value) in enumerate(wrong.items(), 1):
            if column != "digest":
                tampering.execute(f"UPDATE entry SET {column} = ? WHERE id = ?", (value, n))
            else:
                tampering.execute("UPDATE entry SET digest = 'x' WHERE id = ?", (n,))
        tampering.execute("UPDATE recipe SET recipe = '{}' WHERE recipe LIKE '%\"a\":1%'")
    tampering.close()
    async with AsyncCache(settings) as cache:
        done = await cache.export(tmp_path / "out")
        found = await cache.verify()
    assert done.entries == 1
    assert done.refused == len(done.rejected) == len(found.damaged) == len(wrong) + 1
    assert all(len(sentence) < 400 for sentence in done.rejected)
