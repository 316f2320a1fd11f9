"""Answers as they go over the wire: JSON, one JSON object a line, or server-sent events.

A reply is watched while it is made: when its client leaves, the work is cancelled, also before
the first byte and also for clients that wait for the whole answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from refrain_sidecar.inference.embedded.failures import EngineFailure, failure_body, failure_of
from refrain_sidecar.inference.embedded.wording import Frames, Lines, Wording, encoded

log = logging.getLogger(__name__)

Fold = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]


def json_reply(value: Any, status: int = 200) -> Response:
    """A whole answer at once."""
    return Response(encoded(value), status, media_type="application/json; charset=utf-8")


def error_reply(failure: EngineFailure, path: str = "/") -> Response:
    """What went wrong, with the failure's status, in the form of the API that `path` is of."""
    return json_reply(failure_body(failure, path), failure.status)


class LinesReply(Response):
    """Sends `lines` in the words of `wording` as they come, or folded into one answer by `fold`.

    An EngineFailure before the first line is answered with its status; later, with a last frame
    that tells it under the status 200 that has gone out, as Ollama does.
    """

    def __init__(self, wording: Wording, lines: Lines, fold: Fold | None = None) -> None:
        self._wording = wording
        self._lines = lines
        self._fold = fold
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.create_task(self._answer(scope, receive, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((work, leaving), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            else:
                log.info("the client left; its work is cancelled")
        finally:
            for task in (work, leaving):
                task.cancel()
            await asyncio.gather(work, leaving, return_exceptions=True)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._lines) as lines:
                if self._fold is None:
                    await self._send_frames(self._wording.frames(lines), send)
                else:
                    made = self._fold([line async for line in lines])
                    await json_reply(self._wording.whole(made))(scope, receive, send)
        except Exception as error:
            await self._send_failure(failure_of(error), scope, receive, send)

    async def _send_frames(self, frames: Frames, send: Send) -> None:
        async with aclosing(frames):
            async for frame in frames:
                await self._begin(send)
                await _send_body(send, frame, more=True)
        await self._begin(send)
        await _send_body(send, b"", more=False)

    async def _begin(self, send: Send) -> None:
        if not self._begun:
            self._begun = True
            headers = [(b"content-type", self._wording.media_type.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _send_failure(
        self, failure: EngineFailure, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if self._begun:
            told = self._wording.frame(failure_body(failure, scope["path"]))
            await _send_body(send, told, more=False)
        else:
            await error_reply(failure, scope["path"])(scope, receive, send)


async def _send_body(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
