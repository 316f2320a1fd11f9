"""What is found out once: kept by a name and what it depends on."""

from __future__ import annotations

import stat
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from refrain_cache import CacheSettings
from refrain_sidecar.enrichment.stage1.naming import Leaning
from refrain_sidecar.inference.abilities import Abilities
from refrain_sidecar.inference.prompt_form import PromptForm
from refrain_sidecar.inference.remembered import Remembered

FORM = PromptForm("<|a|>", None, "b\n", "c", "<think>\n\n</think>\n\n")
ABILITIES = Abilities(FORM, 20, False, True, False, ("PNG",), "llama smollm2 135m")


@pytest.fixture
def remembered(tmp_path: Path) -> Remembered:
    return Remembered(CacheSettings(cache_dir=tmp_path / "cache"))


@pytest.mark.parametrize(
    "value",
    [
        ABILITIES,
        Abilities(None, 0, False, False, False, (), ""),
        Leaning(({" ü": -1.25, "\u2581\n": -3.0}, {})),
        Leaning(()),
    ],
)
def test_what_is_kept_is_read_again_as_it_was(remembered: Remembered, value: object) -> None:
    remembered.keep("thing", ("d1", "0.33.0"), value)
    assert remembered.read("thing", ("d1", "0.33.0"), type(value)) == value


def test_another_name_or_dependency_is_another_thing(remembered: Remembered) -> None:
    remembered.keep("abilities-1", ("d1", "0.33.0"), ABILITIES)
    for name, depends_on in (
        ("abilities-2", ("d1", "0.33.0")),
        ("abilities-1", ("d2", "0.33.0")),
        ("abilities-1", ("d1", "0.33.1")),
    ):
        assert remembered.read(name, depends_on, Abilities) is None


def test_what_is_not_new_is_not_written_again(remembered: Remembered, tmp_path: Path) -> None:
    remembered.keep("thing", "d1", ABILITIES)
    (file,) = (tmp_path / "cache").iterdir()
    before = file.stat()
    remembered.keep("thing", "d1", ABILITIES)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    if sys.platform != "win32":
        assert stat.S_IMODE(before.st_mode) == 0o600


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff",
        b"[1]",
        b"[" * 100_000,
        b"{}",
        b"null",
        b'{"form": 7}',
        b'{"form": {"begin": 1}}',
        sha256(b'{"form": 7}').hexdigest().encode() + b'\n{"form": 7}',
        sha256(b"[" * 100_000).hexdigest().encode() + b"\n" + b"[" * 100_000,
    ],
)
def test_what_is_damaged_was_never_known_and_is_replaced(
    remembered: Remembered, tmp_path: Path, damaged: bytes
) -> None:
    remembered.keep("thing", "d1", ABILITIES)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(damaged)
    assert remembered.read("thing", "d1", Abilities) is None
    remembered.keep("thing", "d1", ABILITIES)
    assert remembered.read("thing", "d1", Abilities) == ABILITIES


def test_what_a_later_version_knows_more_is_no_harm(remembered: Remembered, tmp_path: Path) -> None:
    remembered.keep("thing", "d1", ABILITIES)
    (file,) = (tmp_path / "cache").iterdir()
    _, _, value = file.read_bytes().partition(b"\n")
    more = value.replace(b"{", b'{"hears": true, ', 1)
    file.write_bytes(sha256(more).hexdigest().encode() + b"\n" + more)
    assert remembered.read("thing", "d1", Abilities) == ABILITIES


def test_without_a_cache_nothing_is_kept(tmp_path: Path) -> None:
    off = Remembered(CacheSettings(enabled=False, cache_dir=tmp_path / "cache"))
    off.keep("thing", "d1", ABILITIES)
    assert off.read("thing", "d1", Abilities) is None
    assert list(tmp_path.iterdir()) == []
