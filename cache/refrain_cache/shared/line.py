"""The one connection that answers are read on, a request behind the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from refrain_cache.shared.faults import ForeignKey, is_foreign
from refrain_cache.shared.value import LARGEST_BYTES

# GETRANGE name 0 LARGEST_BYTES, as servers read it: redis-py would take a tenth of a lookup to
# write the same.
_ASKED = b"*4\r\n$8\r\nGETRANGE\r\n$%%d\r\n%%b\r\n$1\r\n0\r\n$%d\r\n%d\r\n" % (
    len(str(LARGEST_BYTES)),
    LARGEST_BYTES,
)


class Line:
    """Kept out of redis-py's pool: to take it there for each read, and give it back, takes as long
    as to read. Not for two requests at once.
    """

    def __init__(self) -> None:
        self._client: Any = None
        self._connection: Any = None

    async def fetch(self, client: Any, names: Sequence[str]) -> list[bytes | ForeignKey]:
        """The values under names, each cut at what no value of ours is longer than."""
        pool = getattr(client, "connection_pool", None)
        if pool is None:
            # A cluster: its client knows which of its servers has what.
            replies = (client.getrange(name, 0, LARGEST_BYTES) for name in names)
            return [told(one) for one in await asyncio.gather(*replies, return_exceptions=True)]
        if client is not self._client:
            # The last one ended with its client.
            self._connection = await pool.get_connection()
            self._client = client
        connection = self._connection
        if not connection.is_connected or await connection.can_read():
            # The server has hung up since, or has said what nobody asked.
            await pool.ensure_connection(connection)
        asked = b"".join([_ASKED % (len(name), name) for name in map(str.encode, names)])
        try:
            await connection.send_packed_command(asked, check_health=False)
            return [await _reply(connection) for _ in names]
        except BaseException:
            # Replies may be on their way still.
            await connection.disconnect(nowait=True)
            raise


async def _reply(connection: Any) -> bytes | ForeignKey:
    try:
        return told(await connection.read_response(disable_decoding=True))
    except Exception as error:
        return told(error)


def told(found: Any) -> bytes | ForeignKey:
    """What a reply says of one key; raises what it says of the server."""
    if isinstance(found, bytes):
        return found
    if isinstance(found, Exception) and is_foreign(found):
        return ForeignKey(str(found))
    raise found
