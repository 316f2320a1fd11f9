"""Speak raw LSP frames to a sidecar process, byte by byte, so that stray output is seen."""

from __future__ import annotations

import json
import subprocess
from typing import Any


class Frames:
    """A running sidecar. Reading anything that is not a whole frame raises AssertionError."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._next_id = 0
        self.notifications: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.send_body(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def send_body(self, body: bytes) -> None:
        self.send_raw(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def send_raw(self, data: bytes) -> None:
        self._stdin.write(data)
        self._stdin.flush()

    def receive(self) -> dict[str, Any]:
        length = None
        while (line := self._stdout.readline()) != b"\r\n":
            name, separator, value = line.partition(b": ")
            assert separator, f"stray output in the protocol's stream: {line!r}"
            assert name in {b"Content-Length", b"Content-Type"}, f"stray output: {line!r}"
            if name == b"Content-Length":
                length = int(value)
        assert length is not None
        message: dict[str, Any] = json.loads(self._stdout.read(length))
        assert message["jsonrpc"] == "2.0"
        return message

    def request(self, method: str, params: Any = None) -> dict[str, Any]:
        """Send a request and return its whole response; notifications on the way are kept."""
        self._next_id += 1
        self.send({"id": self._next_id, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self._next_id:
                return message
            self.notifications.append(message)

    def initialize(self, folder_uri: str, process_id: int | None = None) -> dict[str, Any]:
        return self.request(
            "initialize",
            {
                "processId": process_id,
                "rootUri": folder_uri,
                "capabilities": {},
                "workspaceFolders": [{"uri": folder_uri, "name": "workspace"}],
            },
        )

    def rest(self) -> bytes:
        """Close stdin and return what is left on stdout once the process has ended."""
        self._stdin.close()
        left = self._stdout.read()
        self.process.wait()
        return left
