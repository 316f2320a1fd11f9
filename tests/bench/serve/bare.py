"""`python -m tests.bench.serve.bare`: the least a Starlette route can do, on the server the proxy
runs on, until stdin closes; prints its URL."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from tests.bench.serve.questions import PATH, STREAM
from tests.bench.serve.record import recorded
from tests.bench.serve.wire import parts_of

from refrain_sidecar.http.listener import listener
from refrain_sidecar.serve.listening import Listening


async def main() -> None:
    whole = b"".join(parts_of(recorded("json")))
    parts = parts_of(recorded("stream"))

    async def streamed() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def answer(request: Request) -> Response:
        if await request.body() == STREAM:
            return StreamingResponse(streamed(), media_type="text/event-stream")
        return Response(whole, media_type="application/json")

    place = listener("127.0.0.1", 0)
    host, port = place.getsockname()
    listening = Listening(Starlette(routes=[Route(PATH, answer, methods=["POST"])]), place)
    print(f"http://{host}:{port}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await listening.stop()


if __name__ == "__main__":
    asyncio.run(main())
