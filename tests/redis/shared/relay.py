"""A way to a real server on which things happen to its replies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from attrs import define, field
from tests.redis.serving import RealServer


@define
class Relay:
    """At `port`. Each reply is held for `delay_s`, and comes `piece` bytes at a time (0: whole).

    `change` is what becomes of it; None hangs up.
    """

    port: int = 0
    delay_s: float = 0.0
    piece: int = 0
    change: Callable[[bytes], bytes | None] = field(default=lambda said: said)

    async def back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the server to whoever asked."""
        while said := await reader.read(1 << 20):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            changed = self.change(said)
            if changed is None:
                return
            step = self.piece or len(changed)
            for at in range(0, len(changed), step or 1):
                writer.write(changed[at : at + step])
                await writer.drain()
                if self.piece:
                    await asyncio.sleep(0)


async def _forth(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while said := await reader.read(1 << 20):
        writer.write(said)
        await writer.drain()


@asynccontextmanager
async def relaying(server: RealServer) -> AsyncIterator[Relay]:
    """A relay before a server."""
    relay = Relay()
    under_way: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(server.host, server.port)
        ways = {
            asyncio.create_task(_forth(reader, to_writer)),
            asyncio.create_task(relay.back(to_reader, writer)),
        }
        under_way.update(ways)
        try:
            # Either end hangs up on both.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            under_way.difference_update(ways)
            for end in (writer, to_writer):
                with suppress(OSError):
                    end.close()

    listening = await asyncio.start_server(served, "127.0.0.1", 0)
    relay.port = listening.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        listening.close()
        for way in under_way:
            way.cancel()
