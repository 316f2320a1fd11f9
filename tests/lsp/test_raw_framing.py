"""Nothing but frames ever reaches the sidecar's stdout, whatever runs inside it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lsp.conftest import SIDECAR, MakeWorkspace
from tests.lsp.framing import Frames

# Prints from Python, from C and from a child, as a careless library would, and then serves.
CARELESS = """
import builtins, os, subprocess, sys
import refrain_sidecar.service.service as service
opened = service.Service.open
async def open(self, **options):
    print("a stray print")
    os.write(1, b"a stray write\\n")
    subprocess.run([sys.executable, "-c", "print('a stray child')"], check=True)
    assert sys.stdin.read() == "" and os.read(0, 1) == b"", "stdin is the protocol's"
    await opened(self, **options)
service.Service.open = open
from refrain_sidecar.lsp.main import main
main()
"""


@pytest.fixture(params=["as it is", "with careless code inside"])
def frames(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Frames]:
    command = SIDECAR if request.param == "as it is" else [sys.executable, "-c", CARELESS]
    with (tmp_path / "stderr.txt").open("w+b") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        )
        yield Frames(process)
        process.kill()
        process.wait()


def test_stdout_carries_frames_only(frames: Frames, make_workspace: MakeWorkspace) -> None:
    folder = make_workspace(inference={"engine": "ollama", "base_url": "http://127.0.0.1:1"})
    answer = frames.initialize(folder.as_uri())
    assert answer["result"]["serverInfo"]["name"] == "refrain"
    frames.send({"method": "initialized", "params": {}})
    assert frames.request("refrain/stats", {})["result"]["state"]["mode"] == "on"
    refused = frames.request("refrain/enrich", {"text": "I am glad."})
    assert refused["error"]["code"] == 1001
    assert "Traceback" not in str(refused)
    assert frames.request("refrain/enrich", {"words": 1})["error"]["code"] == -32602
    assert frames.request("refrain/nothing")["error"]["code"] == -32601
    assert "result" in frames.request("shutdown")
    frames.send({"method": "exit"})
    assert frames.rest() == b""
    assert frames.process.returncode == 0


def test_the_end_of_stdin_ends_the_process(frames: Frames, make_workspace: MakeWorkspace) -> None:
    frames.initialize(make_workspace().as_uri())
    frames.rest()
    assert frames.process.returncode == 0
