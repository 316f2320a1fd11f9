"""The proxy as an ASGI application: what is replayed, what goes upstream, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from refrain_cache import AsyncCache
from refrain_sidecar.config.settings import ServeSettings
from refrain_sidecar.serve.asking import Asking
from refrain_sidecar.serve.bodies import Bodies, rest_of
from refrain_sidecar.serve.counting import Counters
from refrain_sidecar.serve.endpoints import ENDPOINTS
from refrain_sidecar.serve.engines import Engines, UnansweredError
from refrain_sidecar.serve.figures import InFlight
from refrain_sidecar.serve.gate import Gate
from refrain_sidecar.serve.incoming import Incoming
from refrain_sidecar.serve.leaving import ClientLeftError, until_left
from refrain_sidecar.serve.passing import Passing
from refrain_sidecar.serve.replaying import Replaying
from refrain_sidecar.serve.replies import BrokenOffError, begin, end, fail, more, refuse
from refrain_sidecar.serve.runs import Run
from refrain_sidecar.serve.stored import for_anyone
from refrain_sidecar.serve.understanding import Request, Understanding
from refrain_sidecar.serve.upstream import UnreachableError

PAGE = "/refrain"


class Proxy:
    """The engines behind one cache. Belongs to one event loop; `page` answers below `/refrain`."""

    def __init__(
        self,
        cache: AsyncCache,
        engines: Engines,
        gate: Gate,
        settings: ServeSettings,
        changed: Callable[[], None],
    ) -> None:
        self._engines = engines
        self._gate = gate
        self._bodies = Bodies()
        self.counters = Counters(changed)
        self._understanding = Understanding(engines, settings, self.counters)
        self._replaying = Replaying(cache)
        self._asking = Asking(cache, settings)
        self._passing = Passing(engines, self.counters)
        self.page: ASGIApp | None = None

    def in_flight(self) -> list[InFlight]:
        """The requests that upstream is answering and the cache may keep."""
        return self._asking.in_flight()

    async def close(self) -> None:
        """End every request upstream."""
        await self._asking.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        came = Incoming.of(scope, receive, send)
        for_page = came.path == PAGE or came.path.startswith(f"{PAGE}/")
        refusal = self._gate.refusal(came.by_name)
        if refusal is not None:
            await refuse(send, refusal, came.path, browser=for_page)
            return
        try:
            if for_page and self.page is not None:
                await self.page(scope, receive, send)
            elif came.method == "POST" and came.path in ENDPOINTS:
                await self._cacheable(came)
            else:
                self.counters.passed_through()
                await self._of_whom_answers(came, lambda: self._passing.through(came))
        except ClientLeftError:
            pass

    async def _of_whom_answers(
        self, came: Incoming, ask: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Do `ask`; once more, where an engine stands in for the one that gave no answer."""
        for tries_left in (1, 0):
            try:
                await ask()
                return
            except UnansweredError as error:
                another = tries_left and error.again
                if not (another and await self._engines.instead_of(error.engine)):
                    if error.counting is not None:
                        error.counting.note("errors")
                    await fail(came.send, 502, came.path, error.message, error.note)
                    return
                if error.counting is not None:
                    error.counting.anew()

    async def _cacheable(self, came: Incoming) -> None:
        parts, whole = await self._bodies.read(came.receive)
        size = sum(map(len, parts))
        try:
            if whole:
                body = b"".join(parts)
                parts.clear()
                await self._of_whom_answers(came, lambda: self._decide(came, body))
            else:
                await self._of_whom_answers(came, lambda: self._too_large(came, parts))
        finally:
            self._bodies.release(size)

    async def _too_large(self, came: Incoming, parts: list[bytes]) -> None:
        await self._passing.unkept(came, rest_of(parts, came.receive), "detail=too-large")

    async def _decide(self, came: Incoming, body: bytes) -> None:
        request = await self._understanding.of(came, body)
        if request is None:
            await self._passing.unkept(came, body, "detail=not-understood")
        elif request.policy == "off":
            await self._passing.counted(request, "detail=off")
        elif request.policy == "auto" and not request.asked.repeats:
            await self._passing.counted(request, "detail=sampled")
        else:
            await self._answer(request)

    async def _answer(self, request: Request) -> None:
        run = None
        if request.policy != "refresh":
            run = None if request.policy == "only" else self._asking.under_way(request)
            if run is None and await self._replaying.replay(request):
                return
            if request.policy == "only":
                message = "this was not asked before, and Refrain-Cache: only asks nobody"
                await fail(request.came.send, 504, request.path, message, "fwd=miss; detail=only")
                request.counting.came("misses")
                return
            # Others went on meanwhile.
            run = run or self._asking.under_way(request)
        joined = run is not None
        run = run or self._asking.start(request)
        if not run.kept:
            await self._passing.counted(request, "detail=too-large")
            return
        if run.tokens is not None:
            # All of it came, and is on its way into the file.
            note = "hit"
            request.counting.came("hits", run.took_ms, run.tokens)
        else:
            note = "fwd=miss; collapsed" if joined else "fwd=miss"
            request.counting.came("coalesced" if joined else "misses")
        # From here on, whenever the client leaves: a run that nobody waits for is cancelled.
        place = run.join()
        try:
            await until_left(request.came.receive, _follow(request, run, place, note))
        finally:
            run.leave(place)


async def _follow(request: Request, run: Run, place: object, note: str) -> None:
    send = request.came.send
    try:
        await run.begun()
    except UnreachableError as error:
        note += "; detail=offline" if request.behind.offline else ""
        raise UnansweredError(request.engine, str(error), note, request.counting) from error
    first = note == "fwd=miss"
    headers = run.headers if first else for_anyone(run.headers)
    await begin(send, run.status, headers, note, None if first else request.origin)
    try:
        async for chunk in run.follow(place):
            await more(send, chunk)
    except UnreachableError as error:
        request.counting.note("errors")
        raise BrokenOffError from error
    await end(send)
