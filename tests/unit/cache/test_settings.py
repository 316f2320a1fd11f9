"""Where the configuration and the cache are, and what is wrong with a section."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refrain_cache import (
    CacheConfigError,
    CacheSettings,
    find_config,
    read_cache_settings,
    resolve_cache_dir,
)


def configured(folder: Path, text: str = '{"caching": {}}') -> Path:
    path = folder / "config" / "perf_config.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_nearest_configuration_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REFRAIN_CONFIG", raising=False)
    outer = configured(tmp_path)
    inner = configured(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "c").mkdir()
    assert find_config(tmp_path / "a" / "b" / "c") == inner
    assert find_config(tmp_path / "a") == outer
    monkeypatch.setenv("REFRAIN_CONFIG", str(outer))
    assert find_config(tmp_path / "a" / "b") == outer


def test_a_relative_folder_starts_at_the_folder_that_holds_config(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert resolve_cache_dir(Path("./cache"), config) == tmp_path / "cache"
    assert resolve_cache_dir(tmp_path / "x", config) == tmp_path / "x"
    assert resolve_cache_dir(Path("~/x"), config) == Path.home() / "x"
    assert resolve_cache_dir(None).is_absolute()
    assert resolve_cache_dir(None, config) == tmp_path / "cache"


def test_a_section_is_read_and_the_rest_is_not_looked_at(tmp_path: Path) -> None:
    section = {"cache_dir": "answers", "ttl_api": 60, "eviction": "lru", "max_entries": None}
    config = configured(tmp_path, json.dumps({"inference": 7, "caching": section}))
    assert read_cache_settings(config) == CacheSettings(
        cache_dir=tmp_path / "answers", ttl_api=60, eviction="lru"
    )


def test_without_a_section_the_cache_is_beside_the_configuration(tmp_path: Path) -> None:
    assert read_cache_settings(configured(tmp_path, "{}")).cache_dir == tmp_path / "cache"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"enabled": "yes"}, r"caching\.enabled is 'yes'; expected true or false"),
        ({"max_bytes": 1}, r"caching\.max_bytes is 1; expected .*65536"),
        ({"default_ttl": True}, r"caching\.default_ttl"),
        ({"cache_dir": 7}, r"caching\.cache_dir is 7"),
        ({"colour": "red"}, r"caching\.colour is not a setting"),
        ([], "must be an object"),
    ],
)
def test_a_bad_section_is_named(tmp_path: Path, section: object, message: str) -> None:
    config = configured(tmp_path, json.dumps({"caching": section}))
    with pytest.raises(CacheConfigError, match=message):
        read_cache_settings(config)


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(CacheConfigError, match="not valid JSON"):
        read_cache_settings(configured(tmp_path, "{"))
    with pytest.raises(CacheConfigError, match="cannot be read"):
        read_cache_settings(tmp_path / "none.json")
