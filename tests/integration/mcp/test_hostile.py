"""A client that sends nonsense: the server answers what can be answered, and lives."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.mcp.conftest import SERVER

HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "hostile", "version": "1"},
}


class Lines:
    """A running server, a line at a time. Reading anything that is not a message fails."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._next_id = 0

    def send(self, line: bytes) -> None:
        self._stdin.write(line + b"\n")
        self._stdin.flush()

    def request(self, method: str, params: Any = None) -> dict[str, Any]:
        self._next_id += 1
        body = {"jsonrpc": "2.0", "id": self._next_id, "method": method}
        self.send(json.dumps(body | ({} if params is None else {"params": params})).encode())
        while (message := self.receive()).get("id") != self._next_id:
            pass
        return message

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._stdout.readline())
        assert message["jsonrpc"] == "2.0"
        return message

    def call(self, tool: Any, arguments: Any) -> dict[str, Any]:
        return self.request("tools/call", {"name": tool, "arguments": arguments})

    def leave(self) -> tuple[int, bytes]:
        """Close stdin; the status, and what was on stderr. Nothing may be left on stdout."""
        self._stdin.close()
        assert self._stdout.read() == b""
        assert self.process.stderr is not None
        return self.process.wait(), self.process.stderr.read()


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    config = tmp_path / "config" / "perf_config.json"
    config.parent.mkdir()
    sections = {
        "caching": {"cache_dir": "./cache"},
        "inference": {"base_url": "http://127.0.0.1:9"},
    }
    config.write_text(json.dumps(sections))
    pipe = subprocess.PIPE
    with subprocess.Popen(SERVER, cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield Lines(process)
        finally:
            process.kill()


@pytest.fixture
def greeted(lines: Lines) -> Lines:
    assert lines.request("initialize", HELLO)["result"]["serverInfo"]["name"] == "refrain"
    lines.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    return lines


GARBAGE = [
    b"",
    b"garbage",
    b"\xff\xfe\x00\x01",
    b"\xef\xbb\xbf{}",
    b"null",
    b"[]",
    b"[{}]",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1e400,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":99,"result":{}}',
    b'{"jsonrpc":"2.0","method":"notifications/absent","params":{"a":[]}}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345}}',
    b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}',
    b'{"jsonrpc":"2.0","id":"\\ud800","method":"\\ud800"}',
    b"x" * 10_000_000,
    b'{"jsonrpc":"2.0","method":"a","params":{"a":"' + b"x" * 10_000_000 + b'"}}',
]


@pytest.mark.parametrize("opened", [False, True])
def test_garbage_is_passed_over(lines: Lines, opened: bool) -> None:
    if opened:
        lines.request("initialize", HELLO)
    for line in GARBAGE:
        lines.send(line)
    if not opened:
        lines.request("initialize", HELLO)
    lines.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert "tools" in lines.request("tools/list")["result"]
    status, said = lines.leave()
    assert status == 0
    assert b"Traceback" not in said


WRONG: list[tuple[str, Any, int]] = [
    ("absent", None, -32601),
    ("absent/\n\x00", {"a": 1}, -32601),
    ("tools/call", None, -32602),
    ("tools/call", {}, -32602),
    ("tools/call", {"name": 5}, -32602),
    ("tools/call", {"name": "purge", "arguments": [1]}, -32602),
    ("tools/call", {"name": "purge", "arguments": "everything"}, -32602),
    ("tools/call", {"name": "x" * 100_000, "arguments": {}}, -32602),
    ("prompts/get", {"name": "translate", "arguments": {"text": 5}}, -32602),
    ("prompts/get", {"name": "../../etc/passwd"}, -32602),
    ("prompts/get", {"name": ""}, -32602),
    ("tools/list", {"cursor": 5}, -32602),
    ("initialize", {"protocolVersion": 5}, -32602),
]


def test_a_request_that_is_wrong_is_refused(greeted: Lines) -> None:
    for method, params, code in WRONG:
        assert greeted.request(method, params)["error"]["code"] == code, (method, params)
    assert "tools" in greeted.request("tools/list")["result"]
    status, said = greeted.leave()
    assert status == 0
    assert b"Traceback" not in said


def test_arguments_that_are_wrong_are_told_of(greeted: Lines) -> None:
    for tool, arguments in (
        ("purge", {"everything": "yes"}),
        ("purge", {"olderThanS": -1}),
        ("purge", {"leastUsed": 2**63}),
        ("purge", {"keyPrefix": "' OR 1=1 --"}),
        ("purge", {"confirm": True}),
        ("enrich", {"text": "a" * 10_000_000}),
        ("enrich", {"text": {"a": 1}}),
        ("enrich", {"text": "\x00\x01"}),
        ("enrich", None),
        ("run_recipe", {"recipe": "translate", "text": "a", "inputs": {"language": 1}}),
        ("run_recipe", {"recipe": "../summarise", "text": "a"}),
        ("run_recipe", {"recipe": "translate", "text": "a", "inputs": ["language"]}),
        ("run_recipe", {"recipe": "summarise", "file": "/dev/zero"}),
        ("explain", {"key": "%"}),
        ("stats", {"window": None}),
        ("list_recipes", {"all": True}),
    ):
        result = greeted.call(tool, arguments)["result"]
        assert result["isError"], (tool, arguments)
        assert len(result["content"][0]["text"]) < 1000
    status, said = greeted.leave()
    assert status == 0
    assert b"Traceback" not in said


def test_a_call_before_the_handshake_is_refused(lines: Lines) -> None:
    assert "error" in lines.call("purge", {"everything": True, "confirm": True})
    assert lines.leave()[0] == 0


def test_a_client_that_reads_no_more_ends_the_server(greeted: Lines) -> None:
    process = greeted.process
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.close()
    # The server may be gone before all of it is written.
    try:
        for number in range(1000):
            greeted.send(b'{"jsonrpc":"2.0","id":%d,"method":"tools/list"}' % (100 + number))
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.wait(30) == 0
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
