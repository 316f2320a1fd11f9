"""Exports carry everything and imports check everything."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import attrs
import pytest

from refrain_cache import AsyncCache, CacheSettings, PortableFileError, fingerprint

# A header that is in order, and then no valid block.
BAD_DEFLATE = gzip.compress(b"")[:10] + b"\xff" * 8


async def fill(cache: AsyncCache) -> None:
    for n in range(450):
        assert await cache.set(
            content=f"text {n}",
            cache_type="api",
            value={"n": n, "text": "é\ud83d" * n},
            identity={"model": "m", "options": {"seed": n % 3}},
            cost_ms=n,
            label=f"label {n}",
        )


@pytest.fixture
def elsewhere(settings: CacheSettings, tmp_path: Path) -> CacheSettings:
    return attrs.evolve(settings, cache_dir=tmp_path / "elsewhere")


async def test_what_is_exported_is_imported(
    cache: AsyncCache, elsewhere: CacheSettings, tmp_path: Path, clock: Any
) -> None:
    await fill(cache)
    out = tmp_path / "export.jsonl.gz"
    done = await cache.export(out)
    assert (done.entries, done.expired, done.rejected) == (450, 0, ())
    assert out.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.glob("*.partial")] == []
    assert "text 7" not in gzip.decompress(out.read_bytes()).decode()
    async with AsyncCache(elsewhere, clock=clock) as other:
        told: list[tuple[int, int | None]] = []
        taken = await other.import_(out, lambda done, total: told.append((done, total)))
        assert (taken.entries, taken.here, taken.expired, taken.rejected) == (450, 0, 0, ())
        assert told == [(200, 450), (400, 450), (450, 450)]
        again = await other.import_(out)
        assert (again.entries, again.here, again.expired) == (0, 450, 0)
        for n in (0, 7, 449):
            found = await other.get(
                content=f"text {n}",
                cache_type="api",
                identity={"model": "m", "options": {"seed": n % 3}},
            )
            assert found == {"n": n, "text": "é\ud83d" * n}
        mine = {e.key: e for e in (await cache.entries(limit=500)).entries}
        theirs = {e.key: e for e in (await other.entries(limit=500)).entries}
        same = ("label", "model", "cost_ms", "expires_at", "kind", "bytes")
        for key, entry in mine.items():
            assert [getattr(theirs[key], a) for a in same] == [getattr(entry, a) for a in same]
        assert (await other.verify()).clean


async def test_every_entry_that_was_tampered_with_is_rejected_by_line(
    cache: AsyncCache, elsewhere: CacheSettings, tmp_path: Path
) -> None:
    await fill(cache)
    out = tmp_path / "export.jsonl.gz"
    await cache.export(out)
    lines = gzip.decompress(out.read_bytes()).decode().splitlines()
    answer, content = json.loads(lines[1]), json.loads(lines[2])
    answer["answer"] = {"n": "forged"}
    content["content"] = '"sha256:forged"'
    lines[1:5] = [json.dumps(answer), json.dumps(content), "{not json", lines[4]]
    with gzip.open(out, "wt") as file:
        file.write("\n".join(lines) + "\n")
    async with AsyncCache(elsewhere) as other:
        taken = await other.import_(out)
    assert taken.entries == 447
    assert [r.split(":")[0] for r in taken.rejected] == ["line 2", "line 3", "line 4"]


async def test_an_export_cut_short_gives_what_is_whole_and_says_so(
    cache: AsyncCache, elsewhere: CacheSettings, tmp_path: Path
) -> None:
    await fill(cache)
    out = tmp_path / "export.jsonl.gz"
    await cache.export(out)
    out.write_bytes(out.read_bytes()[: out.stat().st_size // 2])
    async with AsyncCache(elsewhere) as other:
        taken = await other.import_(out)
        assert 0 < taken.entries < 450
        assert "ends early" in taken.rejected[-1]


@pytest.mark.parametrize(
    "bad",
    [b"", b"garbage", gzip.compress(b"{}\n"), gzip.compress(b"\x00"), BAD_DEFLATE],
    ids=["empty", "not packed", "no header", "no JSON", "damaged"],
)
async def test_what_is_no_export_is_refused(cache: AsyncCache, tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "bad"
    path.write_bytes(bad)
    with pytest.raises(PortableFileError, match="not an export"):
        await cache.import_(path)


async def test_an_export_of_a_newer_version_is_refused(cache: AsyncCache, tmp_path: Path) -> None:
    path = tmp_path / "newer"
    path.write_bytes(gzip.compress(b'{"format": "refrain-cache", "version": 2}\n'))
    with pytest.raises(PortableFileError, match="Update Refrain"):
        await cache.import_(path)


async def test_expired_entries_stay_behind(cache: AsyncCache, tmp_path: Path, clock: Any) -> None:
    await cache.set(content="a", cache_type="api", value=1, ttl=10)
    await cache.set(content="b", cache_type="api", value=2, ttl=100)
    clock.at += 11
    done = await cache.export(tmp_path / "out")
    assert (done.entries, done.expired) == (1, 1)


async def test_an_import_tells_what_expired_on_the_way_from_what_is_here(
    cache: AsyncCache, elsewhere: CacheSettings, tmp_path: Path, clock: Any
) -> None:
    for name, ttl in (("a", 10), ("b", 100), ("c", 100)):
        await cache.set(content=name, cache_type="api", value=name, ttl=ttl)
    await cache.export(tmp_path / "out")
    clock.at += 11
    async with AsyncCache(elsewhere, clock=clock) as other:
        await other.set(content="b", cache_type="api", value="b", ttl=100)
        done = await other.import_(tmp_path / "out")
    assert (done.entries, done.here, done.expired, done.rejected) == (1, 1, 1, ())


async def test_an_export_leaves_out_what_is_damaged_and_says_so(
    cache: AsyncCache, settings: CacheSettings, tmp_path: Path
) -> None:
    await cache.set(content="a", cache_type="api", value=1)
    await cache.set(content="b", cache_type="api", value=2)
    assert settings.cache_dir is not None
    with sqlite3.connect(settings.cache_dir / "perf_cache.db") as tampering:
        key = fingerprint("api", "a").key
        tampering.execute("UPDATE entry SET value = x'39' WHERE key = ?", (bytes.fromhex(key),))
    tampering.close()
    done = await cache.export(tmp_path / "out")
    assert done.entries == 1
    (refusal,) = done.rejected
    assert refusal.startswith(f"{key[:12]}: the answer is damaged")


async def test_verify_names_what_does_not_match(cache: AsyncCache, settings: CacheSettings) -> None:
    for n in range(5):
        await cache.set(content=n, cache_type="api", value=n)
    assert (await cache.verify()).clean
    assert settings.cache_dir is not None
    tampering = sqlite3.connect(settings.cache_dir / "perf_cache.db")
    changed = {n: bytes.fromhex(fingerprint("api", n).key) for n in range(5)}
    tampering.execute("UPDATE entry SET value = x'31' WHERE key = ?", (changed[0],))
    tampering.execute("UPDATE entry SET content = '\"x\"' WHERE key = ?", (changed[2],))
    tampering.commit()
    tampering.close()
    told: list[tuple[int, int | None]] = []
    found = await cache.verify(lambda done, total: told.append((done, total)))
    assert told == [(5, 5)]
    assert found.checked == 5
    assert set(found.damaged) == {changed[0].hex(), changed[2].hex()}
    assert "digest" in found.damaged[changed[0].hex()]
    assert "ingredients" in found.damaged[changed[2].hex()]
    assert found.integrity == ()
