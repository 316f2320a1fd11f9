"""The tests' own Ollama: that it comes back, and that nothing of it stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.ollama.serving import MODEL, RealOllama

GENEROUS_S = 60.0


def names(ollama: RealOllama) -> set[str]:
    with httpx.Client(base_url=ollama.base_url, trust_env=False) as client:
        return {model["name"] for model in client.get("/api/tags").json()["models"]}


def load(base_url: str) -> None:
    """Make it start a runner."""
    options = {"num_predict": 1, "num_thread": 1}
    body = {"model": MODEL, "prompt": "Hello", "stream": False, "options": options}
    httpx.post(
        f"{base_url}/api/generate", json=body, timeout=GENEROUS_S, trust_env=False
    ).raise_for_status()


def of_group(leader: int) -> list[int]:
    """The processes of a group that are not over."""
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == leader and process.info["status"] != "zombie":
                found.append(process.pid)
        except ProcessLookupError:
            continue
    return found


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GENEROUS_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m tests.ollama.serving` with a model loaded, and its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.ollama.serving"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        load(url)
        yield process, url


@pytest.mark.parametrize("end", [RealOllama.stop, RealOllama.kill])
def test_it_comes_back_at_the_same_place_with_the_same_models(
    ollama: RealOllama, end: Callable[[RealOllama], None]
) -> None:
    load(ollama.base_url)
    before = names(ollama)
    end(ollama)
    with pytest.raises(httpx.TransportError):
        names(ollama)

    ollama.start()

    assert names(ollama) == before
    assert MODEL in before


def test_a_model_can_have_a_second_name(ollama: RealOllama) -> None:
    ollama.copy(MODEL, "second:name")
    assert {MODEL, "second:name"} <= names(ollama)
    ollama.remove("second:name")
    assert "second:name" not in names(ollama)
    assert MODEL in names(ollama)


@pytest.mark.parametrize("end", ["stdin", signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_however_it_ends(
    served: tuple[subprocess.Popen[str], str], end: str | signal.Signals
) -> None:
    process, url = served
    (guard,) = psutil.Process(process.pid).children()
    home = Path(guard.environ()["HOME"])
    assert len(of_group(guard.pid)) >= 3, "guard, server and runner"

    if isinstance(end, str):
        assert process.stdin is not None
        process.stdin.close()
    else:
        process.send_signal(end)

    wait_until(lambda: process.poll() is not None and not of_group(guard.pid))
    with pytest.raises(httpx.TransportError):
        load(url)
    if end is signal.SIGKILL:
        # What is killed cannot clean up after itself.
        shutil.rmtree(home)
    else:
        assert process.returncode == 0
        assert not home.exists()
