"""Wakes those who wait for another machine as soon as it is done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from refrain_cache.shared.link import Link

log = logging.getLogger("refrain.cache")

_GOODBYE_S = 0.5
# Behind a key: its owner ended without an answer, and so would others.
IN_VAIN = "!"


class Ring:
    """What one key's waiters wait for."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[str] = asyncio.Queue()

    def tell(self, what: str) -> None:
        self._told.put_nowait(what)

    async def wait(self, patience_s: float) -> str | None:
        """What was told behind the key, or None if nothing was for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                return await self._told.get()
        return None


class Bell:
    """One subscription for one event loop, from the first that waits until it breaks or is closed.

    What is told while there is none is missed: whoever waits looks by itself as well.
    """

    def __init__(self, link: Link, channel: str) -> None:
        self._link = link
        self._channel = channel
        self._rings: dict[str, Ring] = {}
        self._listening: asyncio.Task[None] | None = None

    async def hears(self, key: str) -> Ring:
        """What is told of `key` from now on. Raises Unavailable."""
        if self._listening is None:
            subscription = await self._link.ask(self._subscribe, writing=True)
            if self._listening is None:
                self._listening = asyncio.create_task(self._listen(subscription))
            else:
                await _ended(subscription)
        return self._rings.setdefault(key, Ring())

    def forget(self, key: str) -> None:
        """Nobody waits for `key` any more."""
        self._rings.pop(key, None)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _subscribe(self, client: Any) -> Any:
        subscription = client.pubsub()
        try:
            await subscription.subscribe(self._channel)
            # Before the server has confirmed it, nothing is told.
            await subscription.get_message(timeout=None)
        except BaseException:
            await _ended(subscription)
            raise
        return subscription

    async def _listen(self, subscription: Any) -> None:
        try:
            while True:
                told = await subscription.get_message(timeout=None)
                if told is not None and isinstance(told["data"], bytes):
                    said = told["data"].decode()
                    key = said.removesuffix(IN_VAIN)
                    if key in self._rings:
                        self._rings[key].tell(said[len(key) :])
        except Exception as error:
            log.debug("What other machines tell is not heard any more: %r", error)
        finally:
            self._listening = None
            for ring in self._rings.values():
                ring.tell("")
            await _ended(subscription)


async def _ended(subscription: Any) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_GOODBYE_S):
            await subscription.aclose()
