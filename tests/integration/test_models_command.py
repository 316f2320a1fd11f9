"""`refrain models list`, `use` and `serve`, as processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

REFRAIN = [sys.executable, "-m", "refrain_sidecar.cli", "models"]


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`refrain models serve` on a free port; gone afterwards."""
    process = subprocess.Popen(
        [*REFRAIN, "serve", "--port", "0", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path, open_url: str) -> Path:
    """A folder whose configuration has an Ollama: an embedded engine in its part."""
    (tmp_path / "config").mkdir()
    sections = {"inference": {"base_url": open_url}, "caching": {"cache_dir": "./cache"}}
    (tmp_path / "config" / "perf_config.json").write_text(json.dumps(sections))
    return tmp_path


def configured(folder: Path) -> dict[str, str]:
    written = json.loads((folder / "config" / "perf_config.json").read_text())["inference"]
    return {key: written[key] for key in ("engine", "model") if key in written}


def models(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*REFRAIN, *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )


def marked(listed: dict[str, Any]) -> list[str]:
    return [model["engine"] for model in listed["models"] if model["inUse"]]


def test_list_has_both_engines_models_and_marks_the_one_in_use(folder: Path) -> None:
    listed = json.loads(models(folder, "list", "--json").stdout)

    theirs, own = listed["models"]
    assert (theirs["engine"], own["engine"]) == ("ollama", "embedded")
    assert theirs["name"] == own["name"] == "smollm2:135m"
    assert theirs["bytes"] == own["bytes"] > 90_000_000
    assert len(own["digest"]) == 64
    assert (own["installed"], marked(listed)) == (True, ["ollama"])
    assert (listed["chosen"], listed["problem"]) == ("auto", None)
    shown = models(folder, "list").stdout
    assert re.search(r"▶ +smollm2:135m +ollama +93\.8 MiB", shown)
    assert "Chosen: auto" in shown


def test_use_writes_the_choice_down(folder: Path) -> None:
    for name, chosen, in_use, written in (
        ("SmolLM2:135M", "smollm2:135m", "ollama", {"model": "smollm2:135m"}),
        ("embedded", "embedded", "embedded", {"engine": "embedded", "model": "smollm2:135m"}),
        ("smollm2:135m", "smollm2:135m", "ollama", {"engine": "auto", "model": "smollm2:135m"}),
        ("auto", "auto", "ollama", {"engine": "auto", "model": "auto"}),
    ):
        result = json.loads(models(folder, "use", name, "--json").stdout)
        assert (result["chosen"], marked(result)) == (chosen, [in_use])
        assert result["written"] == str(folder / "config" / "perf_config.json")
        assert configured(folder) == written
    assert "It was so already." in models(folder, "use", "auto").stdout


def test_a_model_nobody_has_is_refused_and_those_there_are_named(folder: Path) -> None:
    before = (folder / "config" / "perf_config.json").read_bytes()

    refused = models(folder, "use", "qwen3:4b")

    assert refused.returncode == 1
    assert "smollm2:135m" in refused.stderr
    assert (folder / "config" / "perf_config.json").read_bytes() == before


def test_without_an_ollama_its_model_can_be_chosen_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "perf_config.json"
    path.write_text('{"inference": {"base_url": "http://127.0.0.1:1"}}')

    result = json.loads(models(tmp_path, "use", "qwen3:4b", "--json").stdout)

    assert (result["chosen"], marked(result)) == ("qwen3:4b", ["embedded"])
    assert "`ollama serve`" in result["problem"]
    assert configured(tmp_path) == {"model": "qwen3:4b"}


def test_a_configuration_is_made_where_there_is_none_and_a_wrong_one_left(tmp_path: Path) -> None:
    path = tmp_path / "config" / "perf_config.json"
    assert models(tmp_path, "use", "embedded").returncode == 0
    assert configured(tmp_path) == {"engine": "embedded"}

    path.write_text('{"inference": {"temperature": 9}}')
    refused = models(tmp_path, "use", "auto")
    assert (refused.returncode, "inference.temperature" in refused.stderr) == (2, True)
    assert configured(tmp_path) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("answering", [False, True])
def test_ctrl_c_ends_serving_with_one_plain_line(tmp_path: Path, answering: bool) -> None:
    with serving(tmp_path) as process, ExitStack() as asking:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1].rstrip(".")
        if answering:
            endless = {"type": "array", "items": {"type": "string"}, "minItems": 400}
            body = {"model": "smollm2:135m", "prompt": "List words.", "format": endless}
            request = httpx.stream("POST", f"{url}/api/generate", json=body, timeout=60)
            next(asking.enter_context(request).iter_lines())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "Stopped.\n", "")


def test_with_a_key_file_only_who_brings_the_key_is_answered(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("ein Schlüssel\n", encoding="utf-8")
    with serving(tmp_path, "--api-key-file", str(file)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1].rstrip(".")
        assert httpx.get(url).status_code == 401
        right = {"Authorization": "Bearer ein Schlüssel".encode()}
        assert httpx.get(url, headers=right).status_code == 200


def test_a_key_file_without_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" \n")
    with serving(tmp_path, "--api-key-file", "key") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "is empty" in err
