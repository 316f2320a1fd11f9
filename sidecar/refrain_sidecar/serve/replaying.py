"""Replaying: a stored answer is sent in the pieces in which the engine sent it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any
from weakref import WeakValueDictionary

from refrain_cache import AsyncCache, Outcome
from refrain_sidecar.serve.replies import begin, end, more
from refrain_sidecar.serve.runs import TURN_CHUNKS
from refrain_sidecar.serve.stored import Answer
from refrain_sidecar.serve.understanding import Request
from refrain_sidecar.serve.vectors import Frame, Vectors

log = logging.getLogger("refrain.serve")


class Replaying:
    """Sends what is stored."""

    def __init__(self, cache: AsyncCache) -> None:
        self._cache = cache
        self._sending: WeakValueDictionary[str, Answer] = WeakValueDictionary()

    async def replay(self, request: Request) -> bool:
        """Answer from what is stored; False if nothing is, or it cannot be made an answer again."""
        # Where nobody will be asked, what is not found is a miss.
        asks_nobody = request.policy == "only" or request.behind.offline
        hit = await (self._cache.lookup if asks_nobody else self._cache.find)(request.fp)
        answer = None if hit is None else await self._answer_of(request, hit)
        if hit is None or answer is None:
            return False
        request.counting.came("hits", hit.saved_ms, answer.tokens)
        del hit
        status = "hit; detail=offline" if request.behind.offline else "hit"
        age = max(0, int(time.time() - answer.at))
        headers = [*answer.headers, (b"age", str(age).encode())]
        send = request.came.send
        await begin(send, 200, headers, status, request.origin)
        for number, chunk in enumerate(answer.chunks(), 1):
            await more(send, chunk)
            if number % TURN_CHUNKS == 0:
                await asyncio.sleep(0)
        await end(send)
        return True

    async def _answer_of(self, request: Request, hit: Outcome[Any]) -> Answer | None:
        try:
            answer = Answer.from_store(hit.value)
            if "frame" in hit.value:
                vectors = Vectors(self._cache, request.asked, request.behind)
                await vectors.look()
                if vectors.missing:
                    return None
                frame = Frame([piece.encode() for piece in hit.value["frame"]])
                body = frame.around(vectors.all)
                answer = Answer(answer.headers, body, answer.tokens, answer.at)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("Entry %s is no answer of a proxy: %r", hit.key[:12], error)
            return None
        return self._shared(hit.key, answer)

    def _shared(self, key: str, answer: Answer) -> Answer:
        """The same answer as one that is being sent to others, who may read it slowly."""
        same = self._sending.get(key)
        if same is None or same.body != answer.body:
            same = self._sending[key] = answer
        return same
