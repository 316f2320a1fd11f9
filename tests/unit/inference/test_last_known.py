"""What an engine last was: kept for each configuration, and never in anybody's way."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.inference.last_known import Identity, LastKnown

ENGINE = Identity("ollama", "llama3.2:3b", "d1", "0.33.0")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(caching=CacheSettings(cache_dir=tmp_path / "cache"))


def test_each_configuration_has_its_own(settings: Settings) -> None:
    LastKnown(settings).keep(ENGINE)
    assert LastKnown(settings).read() == ENGINE
    LastKnown(settings).keep(evolve(ENGINE, digest="d2"))
    assert LastKnown(settings).read() == evolve(ENGINE, digest="d2")
    for other in (
        InferenceSettings(engine="ollama"),
        InferenceSettings(base_url="http://127.0.0.1:1"),
        InferenceSettings(model="gemma3"),
    ):
        assert LastKnown(evolve(settings, inference=other)).read() is None


@pytest.mark.parametrize(
    "damaged", [b"", b"\xff", b"[1]", b"[" * 100_000, b"{}", b'{"name": "other"}', b"null"]
)
def test_what_is_damaged_is_unknown_and_replaced(
    settings: Settings, tmp_path: Path, damaged: bytes
) -> None:
    known = LastKnown(settings)
    known.keep(ENGINE)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(damaged)
    assert known.read() is None
    known.keep(ENGINE)
    assert known.read() == ENGINE
    assert list((tmp_path / "cache").iterdir()) == [file]


def test_without_a_cache_nothing_is_written(settings: Settings, tmp_path: Path) -> None:
    off = LastKnown(evolve(settings, caching=evolve(settings.caching, enabled=False)))
    off.keep(ENGINE)
    assert off.read() is None
    assert list(tmp_path.iterdir()) == []
    for nowhere in (tmp_path / "file" / "cache", Path("a\0b"), Path("~nobody-of-this-name/x")):
        (tmp_path / "file").write_text("a file where the folder should be")
        lost = LastKnown(Settings(caching=CacheSettings(cache_dir=nowhere)))
        lost.keep(ENGINE)
        assert lost.read() is None
