"""Asking upstream, to keep what it answers: one run for all who ask the same meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from refrain_cache import AsyncCache, Outcome, OwnerFailedError
from refrain_sidecar.config.settings import ServeSettings
from refrain_sidecar.serve.figures import InFlight
from refrain_sidecar.serve.runs import KEPT_BYTES, Run
from refrain_sidecar.serve.stored import Answer, Headers, end_to_end
from refrain_sidecar.serve.understanding import Request
from refrain_sidecar.serve.upstream import UnreachableError
from refrain_sidecar.serve.vectors import FOR_EVER, Vectors, cut
from refrain_sidecar.serve.wholeness import UnkeptError, tokens_of

log = logging.getLogger("refrain.serve")


class Asking:
    """The runs under way. Belongs to one event loop."""

    def __init__(self, cache: AsyncCache, settings: ServeSettings) -> None:
        self._cache = cache
        self._ttl = settings.ttl
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def in_flight(self) -> list[InFlight]:
        """The requests that upstream is answering and the cache may keep."""
        return [run.in_flight for run in self._runs.values()]

    async def close(self) -> None:
        """End every request upstream."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def under_way(self, request: Request) -> Run | None:
        """The run that answers the same, if it may be joined."""
        run = self._runs.get(request.fp.key)
        return None if run is None or run.left else run

    def start(self, request: Request) -> Run:
        """Ask upstream."""
        asked = request.asked
        run = Run(asked.endpoint.path, asked.model, request.client, time.time())
        self._runs[request.fp.key] = run
        run.task = task = asyncio.get_running_loop().create_task(self._run(request, run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def _run(self, request: Request, run: Run) -> None:
        """Compute what is asked, or take it from another process that does so at this moment."""
        key = request.fp.key
        try:
            try:
                outcome = await self._cache.get_or_compute(
                    request.fp,
                    lambda: self._compute(request, run),
                    ttl=FOR_EVER if request.asked.endpoint.embeds else self._ttl,
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

    async def _taken(self, request: Request, run: Run, outcome: Outcome[Any]) -> None:
        """What another process computed, or what was stored after all, as if it came now."""
        answer = Answer.from_store(outcome.value)
        if "frame" in outcome.value:
            # Some of its vectors may be gone: what is missing is asked for.
            await self._compute(request, run)
            return
        run.begin(200, answer.headers)
        for chunk in answer.chunks():
            await run.feed(chunk)

    async def _compute(self, request: Request, run: Run) -> dict[str, Any]:
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

    async def _compute_vectors(self, request: Request, run: Run) -> dict[str, Any]:
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
        self, request: Request, body: bytes, run: Run | None, chunks: list[bytes]
    ) -> tuple[int, Headers]:
        """Ask upstream, tell `run` as it answers, and collect what is short enough to keep."""
        came = request.came
        given = [pair for pair in came.headers if pair[0] != b"content-length"]
        if body is not request.body:
            given = [pair for pair in given if pair[0] != b"content-encoding"]
        given.append((b"content-length", str(len(body)).encode()))
        upstream = request.engine.upstream
        response = await upstream.open("POST", came.raw_path, given, body)
        async with upstream.closing(response):
            headers = end_to_end(response.headers.raw)
            if run is not None:
                run.begin(response.status_code, headers)
            size = 0
            async for chunk in upstream.body_of(response):
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

    async def _check_still(self, request: Request) -> None:
        digests = request.engine.digests
        digests.changed()
        now = await digests.of(request.asked.model)
        before = request.behind
        if now is None or (now.digest, now.version) != (before.digest, before.version):
            raise UnkeptError("the model changed meanwhile")
