"""The proxy as an ASGI application: what is replayed, what goes upstream, what is kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterable, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any
from weakref import WeakValueDictionary

import httpx
from attrs import frozen
from starlette.types import ASGIApp, Receive, Scope, Send

from refrain_cache import AsyncCache, Fingerprint, FingerprintError, Outcome, OwnerFailedError
from refrain_sidecar.config.settings import ServeSettings
from refrain_sidecar.serve import policy
from refrain_sidecar.serve.asked import Asked, fingerprint_of, read
from refrain_sidecar.serve.bodies import Bodies, ClientLeftError, left, plain, rest_of
from refrain_sidecar.serve.counting import Counters, Counting, client_of
from refrain_sidecar.serve.digests import Behind, Digests
from refrain_sidecar.serve.endpoints import CHANGING, ENDPOINTS, error_body
from refrain_sidecar.serve.figures import InFlight
from refrain_sidecar.serve.gate import Gate
from refrain_sidecar.serve.policy import Policy
from refrain_sidecar.serve.runs import KEPT_BYTES, Run
from refrain_sidecar.serve.stored import Answer, Headers, end_to_end, for_anyone
from refrain_sidecar.serve.upstream import UnreachableError, Upstream
from refrain_sidecar.serve.vectors import FOR_EVER, Frame, Vectors, cut
from refrain_sidecar.serve.wholeness import UnkeptError, tokens_of

log = logging.getLogger("refrain.serve")

PAGE = "/refrain"
# Questions with several answers, whose turns are remembered; forgotten, a turn begins anew.
_SAMPLED = 10_000


class BrokenOffError(Exception):
    """Raised into the server once an answer has begun: it closes the connection unfinished."""


@frozen(eq=False)
class _Request:
    """One request to a cacheable endpoint, with all that was found out about it."""

    scope: Scope
    raw_path: bytes
    headers: Headers
    body: bytes
    asked: Asked
    policy: Policy
    behind: Behind
    fp: Fingerprint
    client: str
    counting: Counting
    # Of a replay to a page of another origin, which the gate has let in.
    origin: bytes | None

    @property
    def path(self) -> str:
        return self.asked.endpoint.path

    @property
    def label(self) -> str:
        return f"{self.path} from {self.client}"


class Proxy:
    """One engine behind one cache. Belongs to one event loop; `page` answers below `/refrain`."""

    def __init__(
        self,
        cache: AsyncCache,
        upstream: Upstream,
        digests: Digests,
        gate: Gate,
        settings: ServeSettings,
        changed: Callable[[], None],
    ) -> None:
        self._cache = cache
        self._upstream = upstream
        self._digests = digests
        self._gate = gate
        self._settings = settings
        self._bodies = Bodies()
        self._runs: dict[str, Run] = {}
        self._sending: WeakValueDictionary[str, Answer] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asked_before: Counter[str] = Counter()
        self.counters = Counters(changed)
        self.page: ASGIApp | None = None

    def in_flight(self) -> list[InFlight]:
        """The requests that upstream is answering and the cache may keep."""
        return [run.in_flight for run in self._runs.values()]

    async def close(self) -> None:
        """End every request upstream."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers: Headers = scope["headers"]
        by_name = dict(headers)
        refusal = self._gate.refusal(by_name)
        if refusal is not None:
            await self._refuse(refusal, scope["path"], send)
            return
        by_path, path = policy.of_path(scope["path"])
        if self.page is not None and (path == PAGE or path.startswith(f"{PAGE}/")):
            await self.page(scope, receive, send)
            return
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        if by_path is not None:
            raw_path = raw_path[1 + len(by_path) :] or b"/"
        if scope["query_string"]:
            raw_path += b"?" + scope["query_string"]
        try:
            if scope["method"] == "POST" and path in ENDPOINTS:
                await self._cacheable(scope, receive, send, path, raw_path, by_path, by_name)
            else:
                await self._through(scope, receive, send, path, raw_path)
        except ClientLeftError:
            pass

    # --- what may be kept -----------------------------------------------------------------------

    async def _cacheable(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        path: str,
        raw_path: bytes,
        by_path: Policy | None,
        by_name: Mapping[bytes, bytes],
    ) -> None:
        parts, whole = await self._bodies.read(receive)
        size = sum(map(len, parts))
        try:
            if not whole:
                content = rest_of(parts, receive)
                await self._pass(scope, receive, send, raw_path, content, "detail=too-large")
                return
            body = b"".join(parts)
            parts.clear()
            request = await self._understood(scope, path, raw_path, by_path, by_name, body)
            if request is None:
                await self._pass(scope, receive, send, raw_path, body, "detail=not-understood")
            elif request.policy == "off":
                await self._passed(request, receive, send, "detail=off")
            elif request.policy == "auto" and not request.asked.repeats:
                await self._passed(request, receive, send, "detail=sampled")
            else:
                await self._answered(request, receive, send)
        finally:
            self._bodies.release(size)

    async def _understood(
        self,
        scope: Scope,
        path: str,
        raw_path: bytes,
        by_path: Policy | None,
        by_name: Mapping[bytes, bytes],
        body: bytes,
    ) -> _Request | None:
        decoded = await plain(body, by_name.get(b"content-encoding", b"").decode("latin-1").lower())
        asked = None if decoded is None else read(path, decoded)
        if asked is None:
            return None
        rules, default = self._settings.rules, self._settings.policy
        force = policy.in_force(by_name.get(policy.HEADER), by_path, asked.model, rules, default)
        behind = await self._digests.of(asked.model)
        if behind is None:
            return None
        try:
            sample = 0
            samples = policy.samples(by_name.get(policy.SAMPLE_HEADER))
            fp = fingerprint_of(asked, behind.digest, behind.version)
            if samples > 1:
                sample = self._asked_before[fp.key] % samples
                self._asked_before[fp.key] += 1
                if len(self._asked_before) > _SAMPLED:
                    self._asked_before.clear()
                fp = fingerprint_of(asked, behind.digest, behind.version, sample)
        except FingerprintError:
            return None
        client = client_of(by_name.get(b"user-agent", b"").decode("latin-1"))
        counting = self.counters.of(client, asked.model, path)
        return _Request(
            scope,
            raw_path,
            scope["headers"],
            body,
            asked,
            force,
            behind,
            fp,
            client,
            counting,
            by_name.get(b"origin"),
        )

    async def _answered(self, request: _Request, receive: Receive, send: Send) -> None:
        run = None if request.policy in ("only", "refresh") else self._run_of(request)
        if run is None and request.policy != "refresh":
            # Where nobody will be asked, what is not found is a miss.
            asks_nobody = request.policy == "only" or request.behind.offline
            hit = await (self._cache.lookup if asks_nobody else self._cache.find)(request.fp)
            if hit is not None and await self._replay(request, hit, send):
                return
            if request.policy == "only":
                message = "this was not asked before, and Refrain-Cache: only asks nobody"
                await self._fail(request.path, send, 504, message, "fwd=miss; detail=only")
                request.counting.came("misses")
                return
            # Others went on meanwhile.
            run = self._run_of(request)
        joined = run is not None
        run = run or self._start(request)
        if not run.kept:
            await self._passed(request, receive, send, "detail=too-large")
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
            await self._until_left(receive, self._follow(request, run, place, send, note))
        finally:
            run.leave(place)

    async def _replay(self, request: _Request, hit: Outcome[Any], send: Send) -> bool:
        """Send a stored answer; False if it cannot be made again."""
        try:
            answer = Answer.from_store(hit.value)
            if "frame" in hit.value:
                vectors = Vectors(self._cache, request.asked, request.behind)
                await vectors.look()
                if vectors.missing:
                    return False
                frame = Frame([piece.encode() for piece in hit.value["frame"]])
                body = frame.around(vectors.all)
                answer = Answer(answer.headers, body, answer.tokens, answer.at)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("Entry %s is no answer of a proxy: %r", hit.key[:12], error)
            return False
        request.counting.came("hits", hit.saved_ms, answer.tokens)
        answer = self._shared(hit.key, answer)
        del hit
        status = "hit; detail=offline" if request.behind.offline else "hit"
        age = max(0, int(time.time() - answer.at))
        headers = [*answer.headers, (b"age", str(age).encode())]
        await _begin(send, 200, headers, status, request.origin)
        for chunk in answer.chunks():
            await _more(send, chunk)
        await _end(send)
        return True

    def _shared(self, key: str, answer: Answer) -> Answer:
        """The same answer as one that is being sent to others, who may read it slowly."""
        same = self._sending.get(key)
        if same is None or same.body != answer.body:
            same = self._sending[key] = answer
        return same

    async def _follow(
        self, request: _Request, run: Run, place: object, send: Send, note: str
    ) -> None:
        began = False
        try:
            await run.begun()
            first = note == "fwd=miss"
            headers = run.headers if first else for_anyone(run.headers)
            await _begin(send, run.status, headers, note, None if first else request.origin)
            began = True
            async for chunk in run.follow(place):
                await _more(send, chunk)
            await _end(send)
        except UnreachableError as error:
            request.counting.note("errors")
            if began:
                raise BrokenOffError from error
            offline = "; detail=offline" if request.behind.offline else ""
            await self._fail(request.path, send, 502, str(error), note + offline)

    # --- asking upstream, to keep ---------------------------------------------------------------

    def _run_of(self, request: _Request) -> Run | None:
        run = self._runs.get(request.fp.key)
        return None if run is None or run.left else run

    def _start(self, request: _Request) -> Run:
        asked = request.asked
        run = Run(asked.endpoint.path, asked.model, request.client, time.time())
        self._runs[request.fp.key] = run
        run.task = task = asyncio.get_running_loop().create_task(self._run(request, run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def _run(self, request: _Request, run: Run) -> None:
        """Compute what is asked, or take it from another process that does so at this moment."""
        key = request.fp.key
        try:
            try:
                outcome = await self._cache.get_or_compute(
                    request.fp,
                    lambda: self._compute(request, run),
                    ttl=FOR_EVER if request.asked.endpoint.embeds else self._settings.ttl,
                    fresh=request.policy == "refresh",
                    label=request.label,
                    model=request.asked.model,
                )
            except OwnerFailedError:
                await self._compute(request, run)
            else:
                if not run.status:
                    await self._taken(request, run, outcome)
        except UnkeptError as error:
            log.info("An answer of %s was not kept: %s.", request.path, error)
            request.counting.note("unkept")
        except UnreachableError as error:
            run.end(error)
        except asyncio.CancelledError:
            run.end(UnreachableError("the proxy was stopped"))
            raise
        except Exception as error:
            log.exception("A request to %s failed.", request.path)
            run.end(UnreachableError(f"{type(error).__name__} in the proxy"))
        finally:
            run.end()
            if self._runs.get(key) is run:
                del self._runs[key]

    async def _taken(self, request: _Request, run: Run, outcome: Outcome[Any]) -> None:
        """What another process computed, or what was stored after all, as if it came now."""
        answer = Answer.from_store(outcome.value)
        if "frame" in outcome.value:
            # Some of its vectors may be gone: what is missing is asked for.
            await self._compute(request, run)
            return
        run.begin(200, answer.headers)
        for chunk in answer.chunks():
            await run.feed(chunk)

    async def _compute(self, request: _Request, run: Run) -> dict[str, Any]:
        if request.asked.inputs is not None:
            return await self._compute_vectors(request, run)
        chunks: list[bytes] = []
        status, headers = await self._ask(request, request.body, run, chunks)
        run.end()
        body = b"".join(chunks)
        if not run.kept:
            raise UnkeptError(f"it is longer than {KEPT_BYTES} bytes")
        tokens = run.whole(tokens_of(request.asked, status, body))
        await self._check_still(request)
        return Answer(headers, body, tokens, time.time()).to_store()

    async def _compute_vectors(self, request: _Request, run: Run) -> dict[str, Any]:
        vectors = Vectors(self._cache, request.asked, request.behind)
        if request.policy != "refresh":
            await vectors.look()
        missing = vectors.missing or [vectors.inputs[0]]
        began = time.perf_counter()
        as_it_came = missing == list(vectors.inputs)
        asking = request.body if as_it_came else vectors.asking_for(missing)
        chunks: list[bytes] = []
        status, headers = await self._ask(request, asking, run if as_it_came else None, chunks)
        body = b"".join(chunks)
        if as_it_came:
            run.end()
        elif status != 200:
            run.begin(status, headers)
            await run.feed(body)
        tokens = tokens_of(request.asked, status, body)
        frame, found = cut(body, len(missing))
        vectors.add(missing, found)
        if not as_it_came:
            frame = frame.holding(len(vectors.inputs))
            body = frame.around(vectors.all)
            headers = [pair for pair in headers if pair[0] != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
            run.begin(200, headers)
            await run.feed(body)
            run.end()
        run.whole(tokens)
        await self._check_still(request)
        await vectors.keep(missing, (time.perf_counter() - began) * 1e3, request.label)
        kept = Answer(headers, b"", tokens, time.time()).to_store()
        return {**kept, "frame": [piece.decode() for piece in frame.pieces]}

    async def _ask(
        self, request: _Request, body: bytes, run: Run | None, chunks: list[bytes]
    ) -> tuple[int, Headers]:
        """Ask upstream, tell `run` as it answers, and collect what is short enough to keep."""
        given = [pair for pair in request.headers if pair[0] != b"content-length"]
        if body is not request.body:
            given = [pair for pair in given if pair[0] != b"content-encoding"]
        given.append((b"content-length", str(len(body)).encode()))
        response = await self._upstream.open("POST", request.raw_path, given, body)
        async with aclosing(response):
            headers = end_to_end(response.headers.raw)
            if run is not None:
                run.begin(response.status_code, headers)
            size = 0
            async for chunk in self._upstream.body_of(response):
                size += len(chunk)
                if size <= KEPT_BYTES:
                    chunks.append(chunk)
                else:
                    chunks.clear()
                if run is not None:
                    await run.feed(chunk)
                elif size > KEPT_BYTES:
                    raise UnreachableError("the engine's answer is too long")
        return response.status_code, headers

    async def _check_still(self, request: _Request) -> None:
        self._digests.changed()
        now = await self._digests.of(request.asked.model)
        before = request.behind
        if now is None or (now.digest, now.version) != (before.digest, before.version):
            raise UnkeptError("the model changed meanwhile")

    # --- passing on -----------------------------------------------------------------------------

    async def _passed(self, request: _Request, receive: Receive, send: Send, note: str) -> None:
        """Pass on what could be kept and is not to be; count what `all` would have saved."""
        key = request.fp.key
        request.counting.came("passed")
        before = self.counters.seen(key)
        if before is not None:
            request.counting.would_hit(before)
        began = time.perf_counter()
        await self._pass(request.scope, receive, send, request.raw_path, request.body, note)
        if before is None:
            self.counters.sampled(key, (time.perf_counter() - began) * 1e3)

    async def _through(
        self, scope: Scope, receive: Receive, send: Send, path: str, raw_path: bytes
    ) -> None:
        """Pass on a request that nothing is ever kept of."""
        self.counters.passed_through()
        names = {name for name, _ in scope["headers"]}
        has_body = b"content-length" in names or b"transfer-encoding" in names
        content = rest_of([], receive) if has_body else None
        if path not in CHANGING:
            await self._pass(scope, receive, send, raw_path, content, None)
            return
        self._digests.changed()
        try:
            await self._pass(scope, receive, send, raw_path, content, None)
        finally:
            self._digests.changed()

    async def _pass(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        raw_path: bytes,
        content: bytes | AsyncIterable[bytes] | None,
        note: str | None,
    ) -> None:
        path = scope["path"]
        try:
            response = await self._opened(scope, receive, raw_path, content)
        except UnreachableError as error:
            await self._fail(path, send, 502, str(error), "fwd=bypass")
            return
        async with aclosing(response):

            async def forward() -> None:
                headers = end_to_end(response.headers.raw)
                said = None if note is None else f"fwd=bypass; {note}"
                await _begin(send, response.status_code, headers, said)
                try:
                    async for chunk in self._upstream.body_of(response):
                        await _more(send, chunk)
                except UnreachableError as error:
                    raise BrokenOffError from error
                await _end(send)

            await self._until_left(receive, forward())

    async def _opened(
        self,
        scope: Scope,
        receive: Receive,
        raw_path: bytes,
        content: bytes | AsyncIterable[bytes] | None,
    ) -> httpx.Response:
        opening = self._upstream.open(scope["method"], raw_path, scope["headers"], content)
        if content is not None and not isinstance(content, bytes):
            return await opening  # reading the body sees the client leave
        opened: list[httpx.Response] = []

        async def keep() -> None:
            opened.append(await opening)

        await self._until_left(receive, keep())
        return opened[0]

    async def _until_left(self, receive: Receive, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`, until the client leaves. Raises ClientLeftError."""
        working = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(left(receive))
        try:
            await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientLeftError
            working.result()
        finally:
            for task in (working, leaving):
                task.cancel()
            await asyncio.wait((working, leaving))

    # --- refusing -------------------------------------------------------------------------------

    async def _refuse(self, status: int, path: str, send: Send) -> None:
        headers: Headers = []
        body = b""
        if status == 401:
            how = b'Basic realm="Refrain"' if path.startswith(PAGE) else b"Bearer"
            headers.append((b"www-authenticate", how))
            body = error_body(path, "unauthorized")
            headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", str(len(body)).encode()))
        await _begin(send, status, headers, None)
        await _more(send, body)
        await _end(send)

    async def _fail(self, path: str, send: Send, status: int, message: str, note: str) -> None:
        body = error_body(path, message)
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        await _begin(send, status, headers, note)
        await _more(send, body)
        await _end(send)


async def _begin(
    send: Send, status: int, headers: Headers, note: str | None, origin: bytes | None = None
) -> None:
    given = list(headers)
    if note is not None:
        given.append((b"cache-status", b"refrain; " + note.encode()))
    if origin is not None:
        given += [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
    await send({"type": "http.response.start", "status": status, "headers": given})


async def _more(send: Send, chunk: bytes) -> None:
    if chunk:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b""})
