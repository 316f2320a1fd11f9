"""`python -m tests.bench.serve.upstream`: gives out recorded answers, byte for byte, until stdin
closes; prints its URL.

A stream's parts come `GAP_S` apart, as from an engine of a hundred tokens a second; all else at
once.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Final

from tests.bench.serve.questions import PATH
from tests.bench.serve.record import recorded
from tests.bench.serve.wire import parts_of

GAP_S: Final = 0.010
_HEAD_END: Final = b"\r\n\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, answers: dict[tuple[str, bool], bytes]) -> None:
        self._answers = answers
        self._read = b""
        self._streaming: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self._streaming is not None:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, ended, body = self._read.partition(_HEAD_END)
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if not ended or len(body) < (int(length[1]) if length else 0):
            return
        self._read = b""
        path = head.split(b" ", 2)[1].decode()
        # LiteLLM writes the body anew.
        streamed = bool(body) and bool(json.loads(body).get("stream"))
        answer = self._answers.get((path, streamed))
        if answer is None:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        elif streamed:
            self._streaming = asyncio.get_running_loop().create_task(self._stream(answer))
        else:
            self._transport.write(answer)

    async def _stream(self, answer: bytes) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        for n, part in enumerate(_sent(answer)):
            await asyncio.sleep(begun + n * GAP_S - clock())
            self._transport.write(part)


def _sent(answer: bytes) -> list[bytes]:
    """A recorded stream as it was sent: the head with the first part, then one at a time."""
    head = answer.partition(_HEAD_END)[0] + _HEAD_END
    parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts_of(answer)]
    return [head + parts[0], *parts[1:-1], parts[-1] + b"0\r\n\r\n"]


async def main() -> None:
    answers = {
        (PATH, False): recorded("json"),
        (PATH, True): recorded("stream"),
        ("/api/tags", False): recorded("tags"),
        ("/api/version", False): recorded("version"),
    }
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answers), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
