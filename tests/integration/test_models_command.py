"""`refrain models list` and `serve`, as processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

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


def test_list_as_json() -> None:
    done = subprocess.run([*REFRAIN, "list", "--json"], capture_output=True, check=True)
    listed = json.loads(done.stdout)
    assert listed["model"] == "smollm2:135m"
    assert len(listed["digest"]) == 64
    assert Path(listed["weights"]).stat().st_size == listed["bytes"]


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
