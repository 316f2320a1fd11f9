"""A choice is written into the file, which stays as its owner wrote it otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from refrain_sidecar.config import ConfigError, load_settings
from refrain_sidecar.config.writing import write_values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "perf_config.json"


def test_a_file_is_made_where_there_is_none(path: Path) -> None:
    write_values(path, "inference", {"engine": "ollama", "model": "qwen3:4b"})

    inference = load_settings(path).inference
    assert (inference.engine, inference.model) == ("ollama", "qwen3:4b")
    assert path.read_text().count("\n") == 6


def test_nothing_else_changes_not_even_line_ends(path: Path) -> None:
    path.parent.mkdir()
    owned = (
        b'{\r\n  "caching": {"cache_dir": "a\xe2\x80\xa8b"},\r\n  "inference": {"model": "x"}\r\n}'
    )
    path.write_bytes(owned)

    write_values(path, "inference", {"model": "qwen3:4b"})

    assert path.read_bytes() == owned.replace(b'"x"', b'"qwen3:4b"')


@pytest.mark.parametrize("text", ['{"inference": 3}', "{", "[]", '{"inference": {"seed": -1}}'])
def test_a_file_that_is_wrong_is_left_alone(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"perf_config\.json:1"):
        write_values(path, "inference", {"model": "qwen3:4b"})

    assert path.read_text() == text
