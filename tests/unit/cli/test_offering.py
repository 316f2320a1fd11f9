"""Without any engine, whoever sits at a terminal is offered the embedded one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import frozen

from refrain_sidecar.inference.models.manifest import data_dir

from .conftest import Home

pty = pytest.importorskip("pty", reason="no terminals of this kind")

# The download takes a network, so what it would bring is given back instead; all else is real.
FETCHING = """
import os, sys
there = sys.argv.pop(1)
from refrain_sidecar.cli.main import main
from refrain_sidecar.inference.models import fetching, installed

def fetch(progress):
    os.environ["REFRAIN_DATA_DIR"] = there
    return fetching.Fetched(installed(), bytes=7)

fetching.fetch = fetch
main()
"""
QUESTION = re.compile(r"Fetch the small embedded model now \(\d+\.\d MiB\)\? \[Y/n\]")


@frozen
class Seen:
    """How a command at a terminal ended, and all that stood there."""

    status: int
    screen: str


def at_a_terminal(home: Home, answer: str, *arguments: str) -> Seen:
    """Run `refrain` without an engine, typing `answer`."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", FETCHING, str(data_dir()), *arguments],
        cwd=home.folder,
        env={**os.environ, "REFRAIN_DATA_DIR": str(home.folder / "nothing")},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        said = b""
        with contextlib.suppress(OSError):  # so it ends on Linux
            while piece := os.read(ours, 1024):
                said += piece
    os.close(ours)
    return Seen(process.returncode, " ".join(said.decode().split()))


@pytest.fixture(autouse=True)
def _nobody(home: Home) -> None:
    inference = {"base_url": "http://127.0.0.1:1", "num_threads": 1}
    home.config.write_text(json.dumps({"inference": inference}), encoding="utf-8")


def test_a_yes_fetches_it_and_goes_on_with_the_enrichment(home: Home) -> None:
    seen = at_a_terminal(home, "\n", "enrich", "--no-stage2", "I am glad.")

    assert "No engine can answer." in seen.screen
    assert QUESTION.search(seen.screen)
    assert "smollm2:135m fetched" in seen.screen
    assert "MISS" in seen.screen
    assert seen.status == 0


def test_a_no_ends_it(home: Home) -> None:
    seen = at_a_terminal(home, "n\n", "enrich", "I am glad.")

    assert QUESTION.search(seen.screen)
    assert "fetched" not in seen.screen
    assert seen.screen.count("No engine can answer.") == 1
    assert seen.status == 1


def test_a_program_is_not_asked(home: Home, tmp_path: Path) -> None:
    asked = at_a_terminal(home, "", "enrich", "--json", "I am glad.")
    assert (asked.status, "[Y/n]" in asked.screen) == (1, False)

    run = home.refrain("enrich", "I am glad.", REFRAIN_DATA_DIR=str(tmp_path / "nothing"))
    assert (run.status, run.out) == (1, "")
    assert "No engine can answer." in run.err
    assert "[Y/n]" not in run.err
