"""What many lookups ask for, gathered: one request for equal keys, one batch behind the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from refrain_cache.shared.faults import ForeignKey, Unavailable, is_foreign
from refrain_cache.shared.link import Link
from refrain_cache.shared.value import LARGEST_BYTES

# At most so many values of the largest size are in memory at a time.
_BATCH = 32

Read = bytes | ForeignKey | Unavailable


class Reads:
    """Reads for one event loop. A caller that is cancelled leaves the others theirs."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._asked: dict[str, asyncio.Future[Read]] = {}
        self._waiting: list[str] = []
        self._reading: asyncio.Task[None] | None = None

    async def get(self, key: str) -> bytes:
        """The value of a key, empty if there is none. Raises Unavailable, ForeignKey."""
        future = self._asked.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._asked[key] = loop.create_future()
            self._waiting.append(key)
            if self._reading is None:
                self._reading = loop.create_task(self._read())
        found = await asyncio.shield(future)
        if isinstance(found, bytes):
            return found
        raise found.with_traceback(None)

    async def close(self) -> None:
        """Wait for what is under way: no longer than the link's time limit."""
        if self._reading is not None:
            await self._reading

    async def _read(self) -> None:
        while self._waiting:
            keys, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            found: Sequence[Read]
            try:
                found = await self._link.ask(partial(fetch, keys=keys))
            except (Unavailable, ForeignKey) as error:
                found = [error] * len(keys)
            for key, value in zip(keys, found, strict=True):
                self._asked.pop(key).set_result(value)
        self._reading = None


async def fetch(client: Any, keys: Sequence[str]) -> list[bytes | ForeignKey]:
    """The values of keys, each cut at what no value of ours is longer than."""
    asked = [("GETRANGE", key, 0, LARGEST_BYTES) for key in keys]
    pool = getattr(client, "connection_pool", None)
    if pool is None:
        # A cluster: its client knows which of its servers has what.
        replies = (client.execute_command(*one) for one in asked)
        return [_told(one) for one in await asyncio.gather(*replies, return_exceptions=True)]
    # What redis-py's pipeline does, in half its time.
    connection = await pool.get_connection()
    try:
        await connection.send_packed_command(connection.pack_commands(asked))
        found = [await _reply(connection) for _ in keys]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)
    return [_told(one) for one in found]


async def _reply(connection: Any) -> bytes | Exception:
    from redis.exceptions import ResponseError

    try:
        value: bytes = await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error
    return value


def _told(found: Any) -> bytes | ForeignKey:
    if isinstance(found, bytes):
        return found
    if is_foreign(found):
        return ForeignKey(str(found))
    raise found
