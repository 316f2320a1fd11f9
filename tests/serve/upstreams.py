"""Upstreams of the tests' own: one that misbehaves on purpose, and a relay that records bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field

MODEL = "small:latest"


def line(number: int, *, done: bool = False) -> bytes:
    """One line of a chat's stream, as Ollama writes it."""
    message = {"role": "assistant", "content": "" if done else f"word{number} "}
    end = {"done_reason": "stop", "prompt_eval_count": 5, "eval_count": number} if done else {}
    return json.dumps({"model": MODEL, "message": message, "done": done, **end}).encode() + b"\n"


@define(eq=False)
class HandMade:
    """Answers /api/chat with `lines` lines, `pause` seconds apart, broken off after `cut` bytes.

    While it `hangs` it tells nothing of its models, while `silent` it begins no answer. `asked` are
    the bodies it got, `open` the answers under way, `broken` how many clients left.
    """

    lines: int = 20
    pause: float = 0.0
    cut: int | None = None
    digest: str = "d1"
    hangs: bool = False
    silent: bool = False
    asked: list[bytes] = field(factory=list)
    open: int = 0
    broken: int = 0
    url: str = ""
    server: asyncio.Server | None = None
    connections: set[asyncio.StreamWriter] = field(factory=set)

    @property
    def whole(self) -> bytes:
        """The body of a whole answer."""
        return b"".join([*map(line, range(self.lines)), line(self.lines, done=True)])

    def end(self) -> None:
        """Be gone, in the middle of whatever is said."""
        if self.server is not None:
            self.server.close()
        for writer in self.connections:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode()
                length = 0
                for name, _, value in (one.partition(b":") for one in head.split(b"\r\n")):
                    if name.lower() == b"content-length":
                        length = int(value)
                body = await reader.readexactly(length)
                if path == "/api/chat":
                    await self._chat(reader, writer, body)
                else:
                    await self._tell(writer, path)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def _tell(self, writer: asyncio.StreamWriter, path: str) -> None:
        while self.hangs:  # noqa: ASYNC110 - a test ends it
            await asyncio.sleep(0.01)
        tag = {"name": MODEL, "model": MODEL, "digest": self.digest, "size": 1, "details": {}}
        said = {"/api/tags": {"models": [tag]}, "/api/version": {"version": "1"}}.get(path, {})
        body = json.dumps(said).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()

    async def _chat(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> None:
        self.asked.append(body)
        self.open += 1
        left = asyncio.ensure_future(reader.read(1))
        try:
            while self.silent and not left.done():
                await asyncio.wait((left,), timeout=0.01)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            sent = 0
            for number in range(self.lines + 1):
                piece = line(number, done=number == self.lines)
                if self.cut is not None and sent + len(piece) > self.cut:
                    rest = piece[: self.cut - sent]
                    writer.write(b"%x\r\n" % len(piece) + rest)
                    await writer.drain()
                    raise ConnectionError
                writer.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
                sent += len(piece)
                await writer.drain()
                if self.pause:
                    await asyncio.wait((left,), timeout=self.pause)
                if left.done():
                    self.broken += 1
                    raise ConnectionError
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        finally:
            self.open -= 1
            left.cancel()
            await asyncio.wait((left,))


@asynccontextmanager
async def hand_made(port: int = 0, **how: object) -> AsyncIterator[HandMade]:
    """A server of one's own, on a free port."""
    upstream = HandMade(**how)  # type: ignore[arg-type]
    upstream.server = await asyncio.start_server(upstream.serve, "127.0.0.1", port)
    upstream.url = f"http://127.0.0.1:{upstream.server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        upstream.end()


@define(eq=False)
class Relay:
    """Passes bytes between its port and an upstream, and keeps what was asked and answered."""

    port: int
    url: str = ""
    asked: list[bytearray] = field(factory=list)
    heard: list[bytearray] = field(factory=list)

    def bodies(self, path: str) -> list[bytes]:
        """The answers' bodies so far to requests for `path`, oldest first, without framing."""
        return [
            answer
            for said, answers in self._pairs()
            for (to, _), answer in zip(_requests(said), _bodies(answers), strict=False)
            if to == path
        ]

    def requests(self, path: str) -> list[bytes]:
        """The bodies of the requests so far for `path`, oldest first."""
        return [body for said, _ in self._pairs() for to, body in _requests(said) if to == path]

    def _pairs(self) -> list[tuple[bytes, bytes]]:
        return [(bytes(a), bytes(b)) for a, b in zip(self.asked, self.heard, strict=True)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)
        asked, heard = bytearray(), bytearray()
        self.asked.append(asked)
        self.heard.append(heard)

        async def pump(
            source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray
        ) -> None:
            try:
                while data := await source.read(65536):
                    kept += data
                    sink.write(data)
                    await sink.drain()
            except ConnectionError:
                pass
            finally:
                sink.close()

        await asyncio.gather(pump(reader, up_writer, asked), pump(up_reader, writer, heard))


def _requests(raw: bytes) -> list[tuple[str, bytes]]:
    """The path and the body of each."""
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        length = _length(head) or 0
        found.append((head.split(b" ", 2)[1].decode(), raw[:length]))
        raw = raw[length:]
    return found


def _bodies(raw: bytes) -> list[bytes]:
    bodies = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        length = _length(head)
        if length is not None:
            bodies.append(raw[:length])
            raw = raw[length:]
            continue
        body = b""
        while True:
            size, _, raw = raw.partition(b"\r\n")
            count = int(size, 16)
            body += raw[:count]
            raw = raw[count + 2 :]
            if not count:
                break
        bodies.append(body)
    return bodies


def _length(head: bytes) -> int | None:
    for name, _, value in (one.partition(b":") for one in head.lower().split(b"\r\n")):
        if name == b"content-length":
            return int(value)
    return 0 if b"transfer-encoding" not in head.lower() else None


@asynccontextmanager
async def relay(url: str) -> AsyncIterator[Relay]:
    """A relay in front of the server at `url`."""
    there = Relay(int(url.rsplit(":", 1)[1]))
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield there
    finally:
        server.close()
