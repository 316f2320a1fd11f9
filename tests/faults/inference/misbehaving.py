"""A hand-made HTTP server that answers exactly as a test says, well-formed or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from attrs import define, field

DONE = {"model": "m", "response": "", "done": True, "done_reason": "stop", "eval_count": 2}


@define
class Exchange:
    """One request and the means to answer it."""

    path: str
    headers: dict[str, str]
    body: bytes
    first_on_connection: bool
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self, status: int, body: bytes | dict[str, Any] = b"", **headers: str) -> None:
        """A whole, well-formed reply."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in named.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} S", f"content-length: {len(content)}", *lines])
        await self.send(head.encode() + b"\r\n\r\n" + content)

    async def stream_head(self) -> None:
        await self.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def line(self, data: dict[str, Any]) -> None:
        await self.chunk(json.dumps(data).encode() + b"\n")

    async def stream_end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def stream(self, *lines: dict[str, Any]) -> None:
        """A whole, well-formed stream."""
        await self.stream_head()
        for line in lines:
            await self.line(line)
        await self.stream_end()

    def drop(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()

    async def hang(self) -> None:
        """Wait until the client closes the connection."""
        with suppress(ConnectionError):
            await self._reader.read()


Answer = Callable[[Exchange], Awaitable[None]]


@define
class MisbehavingServer:
    """Answers requests with `answers` in turn; the last one answers all that follow."""

    answers: list[Answer] = field(factory=list)
    requests: list[Exchange] = field(factory=list)
    connections: int = 0
    open_connections: int = 0
    all_closed: asyncio.Event = field(factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(factory=set)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self.connections += 1
        self.open_connections += 1
        self.all_closed.clear()
        try:
            await self._exchanges(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, as some tests want it to
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            self.open_connections -= 1
            if not self.open_connections:
                self.all_closed.set()

    async def _exchanges(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = True
        while not writer.is_closing():
            exchange = await _read(reader, writer, first)
            first = False
            self.requests.append(exchange)
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            await answer(exchange)


async def _read(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bool
) -> Exchange:
    request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(":", 1) for line in lines if line)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Exchange(request.split()[1], headers, body, first, reader, writer)
