"""The way to the server of the queue, which may be away: whoever is patient waits and goes on."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from refrain_cache.settings import SharedSettings
from refrain_cache.shared.connection import connect, shown
from refrain_sidecar.queue.errors import QueueError
from refrain_sidecar.queue.scripts import Script

if TYPE_CHECKING:
    from redis.asyncio import Redis

LOG = logging.getLogger("refrain")

# A server that takes longer for an answer hangs. Blocking reads stay well below.
PATIENCE_S = 5.0
_GOODBYE_S = 0.5
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0


class Server:
    """Asks the Redis or Valkey of `caching.shared`.

    `patient`: while it is away, hangs, is full or a replica, it is asked again, each time a little
    later, and one line in the log says so. Else, and when it refuses us, QueueError is raised.
    """

    def __init__(self, shared: SharedSettings, *, patient: bool) -> None:
        self.name = shown(shared.url)
        self._redis = connect(shared)
        self._patient = patient
        self._away = False
        # When it came back after it was away last, by the monotonic clock.
        self.back_at = float("-inf")

    async def close(self) -> None:
        # One that hangs answers no goodbye.
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._redis.aclose()

    async def ask(self, call: Callable[[Redis], Awaitable[Any]]) -> Any:
        """What `call` gets from it. It may be called more than once. Raises QueueError."""
        from redis import exceptions as no

        # All of them ConnectionErrors or answers of a server that is no use for a while.
        away = (
            *(OSError, no.ConnectionError, no.TimeoutError, no.ReadOnlyError),
            *(no.OutOfMemoryError, no.TryAgainError, no.ClusterError, no.MasterDownError),
        )
        refused = (no.AuthenticationError, no.AuthorizationError, no.NoPermissionError)
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                # Not redis-py's own limit: it is a `wait_for`, which until Python 3.12 may swallow
                # being cancelled, and whoever was stopped would wait on.
                async with asyncio.timeout(PATIENCE_S):
                    answer = await call(self._redis)
            except refused as error:
                raise QueueError(
                    f"{self.name} does not let us do this: {error}. See username, password_env and "
                    "password_file under caching.shared."
                ) from error
            except away as error:
                if not self._patient:
                    raise QueueError(f"{self.name} cannot be used: {_told(error)}.") from error
                if not self._away:
                    self._away = True
                    LOG.warning("%s cannot be used (%s); waiting for it.", self.name, _told(error))
                await asyncio.sleep(wait_s * random.uniform(0.7, 1.3))
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            except no.RedisError as error:
                raise QueueError(f"{self.name} failed: {error}.") from error
            else:
                if self._away:
                    self._away, self.back_at = False, time.monotonic()
                    LOG.warning("%s can be used again.", self.name)
                return answer

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """What a script returns. Raises QueueError."""
        from redis.exceptions import NoScriptError

        async def once(redis: Redis) -> Any:
            try:
                return await redis.evalsha(script.sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await redis.eval(script.text, len(keys), *keys, *arguments)

        return await self.ask(once)


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {PATIENCE_S:g} s"
    return str(error).rstrip(".") or type(error).__name__
