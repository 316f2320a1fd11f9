"""The routes under `/refrain`: the page, what it is told, and what can be done from it."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from refrain_cache import AsyncCache
from refrain_cache.entry import Entry, Selection
from refrain_cache.errors import CacheUnavailableError
from refrain_sidecar.serve.endpoints import KINDS
from refrain_sidecar.serve.figures import Figures, InFlight
from refrain_sidecar.serve.metrics import exposition
from refrain_sidecar.serve.page.events import Events, Listen
from refrain_sidecar.serve.page.telling import told

# A search reads so many entries of each kind, in their order: a tenth of a second for all.
SEARCHED = 10_000
# What the cache orders entries by, to put those of several kinds into one list.
_ORDERS: dict[str, Callable[[Entry], Any]] = {
    "recent": lambda entry: -entry.last_used_at,
    "created": lambda entry: -entry.created_at,
    "used": lambda entry: (-entry.uses, -entry.last_used_at),
    "size": lambda entry: -entry.bytes,
    "cost": lambda entry: -entry.cost_ms,
}
_MOST_ENTRIES = 200
_KEY_HEX_CHARS = 64
_MAX_PURGE_BYTES = 4096

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_Answer = Callable[[Request], Awaitable[Response]]


class Page:
    """What is answered under `/refrain`. `close` it before the server waits for its connections."""

    def __init__(
        self,
        cache: AsyncCache,
        figures: Figures,
        in_flight: Callable[[], Sequence[InFlight]],
        about: Callable[[], Mapping[str, Any]],
        subscribe: Listen,
    ) -> None:
        """`about` tells upstream, engine, version, reachable, policy and url, the proxy's own."""
        self._cache = cache
        self._figures = figures
        self._in_flight = in_flight
        self._about = about
        self._events = Events("figures", self._told_as_json, subscribe, cache.subscribe)

    def close(self) -> None:
        """End the streams of events: a page that is left open would hold back the shutdown."""
        self._events.end()

    def routes(self) -> list[Route]:
        """All of them, to stand before what goes on to upstream."""

        def get(path: str, answer: _Answer) -> Route:
            return Route(f"/refrain{path}", _safely(answer), methods=["GET"])

        return [
            get("", _file("page.html", "text/html")),
            get("/", _file("page.html", "text/html")),
            get("/page.css", _file("page.css", "text/css")),
            get("/page.js", _file("page.js", "text/javascript")),
            get("/figures", self._figures_now),
            get("/events", self._stream),
            get("/entries", self._entries),
            get("/explain", self._explain),
            get("/metrics", self._metrics),
            Route("/refrain/purge", _safely(self._purge), methods=["POST"]),
        ]

    # --- what has been done ---------------------------------------------------------------------

    async def _told(self) -> dict[str, Any]:
        stats = await self._cache.get_stats()
        return told(self._figures, self._in_flight(), self._about(), stats, time.time())

    async def _told_as_json(self) -> str:
        return json.dumps(await self._told())

    async def _figures_now(self, _: Request) -> Response:
        return JSONResponse(await self._told())

    async def _stream(self, _: Request) -> Response:
        return self._events.response()

    async def _metrics(self, request: Request) -> Response:
        stats = await self._cache.get_stats()
        body, media_type = exposition(
            self._figures,
            self._in_flight(),
            self._about(),
            stats,
            accept=request.headers.get("accept", ""),
        )
        return Response(body, headers={"Content-Type": media_type})

    # --- what is stored -------------------------------------------------------------------------

    async def _entries(self, request: Request) -> Response:
        asked = request.query_params
        order: Any = asked.get("order") or "recent"
        if order not in _ORDERS:
            raise HTTPException(400, f"order must be one of {', '.join(_ORDERS)}")
        limit, offset = _number(asked, "limit", 50, _MOST_ENTRIES), _number(asked, "offset", 0)
        search = asked.get("search", "").strip().casefold()
        end = SEARCHED if search else offset + limit
        pages = [
            await self._cache.entries(kind=kind, order=order, limit=end)
            for kind in await self._kinds(asked.get("kind"))
        ]
        read = sorted((entry for page in pages for entry in page.entries), key=_ORDERS[order])
        found = [entry for entry in read if _matches(entry, search)]
        total = sum(page.total for page in pages)
        return JSONResponse(
            {
                "total": len(found) if search else total,
                "unread": total - len(read) if search else 0,
                "entries": [attrs.asdict(entry) for entry in found[offset : offset + limit]],
            }
        )

    async def _kinds(self, kind: str | None) -> list[str | None]:
        """Those to list; None stands for all."""
        if kind:
            return [None if kind == "all" else kind]
        stats = await self._cache.get_stats()
        return [of.kind for of in stats.kinds if of.kind in KINDS]

    async def _explain(self, request: Request) -> Response:
        try:
            explained = await self._cache.explain_key(request.query_params.get("key", ""))
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return JSONResponse(attrs.asdict(explained))

    async def _purge(self, request: Request) -> Response:
        selection, dry_run = _selected(await _posted(request))
        try:
            purged = await self._cache.purge(selection, dry_run=dry_run)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        except CacheUnavailableError as error:
            raise HTTPException(503, str(error)) from error
        return JSONResponse(attrs.asdict(purged))


def _file(name: str, media_type: str) -> _Answer:
    text = files("refrain_sidecar.serve.page").joinpath(name).read_text("utf-8")

    async def answer(_: Request) -> Response:
        return Response(text, media_type=media_type)

    return answer


def _safely(answer: _Answer) -> _Answer:
    """`answer` with the headers all have, and as JSON where it raises."""

    async def answered(request: Request) -> Response:
        try:
            response = await answer(request)
        except HTTPException as error:
            response = JSONResponse({"error": error.detail}, error.status_code)
        response.headers.update(_SAFE)
        return response

    return answered


def _matches(entry: Entry, search: str) -> bool:
    texts = (entry.label, entry.kind, entry.model, entry.key)
    return any(search in text.casefold() for text in texts)


def _number(asked: Mapping[str, str], name: str, default: int, most: int = SEARCHED) -> int:
    text = asked.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= most):
        raise HTTPException(400, f"{name} must be a whole number of at most {most}")
    return int(text)


async def _posted(request: Request) -> Any:
    """The JSON body. A form of another site cannot send this content type without being asked."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415, "the content type must be application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_PURGE_BYTES:
            raise HTTPException(413, f"the body is larger than {_MAX_PURGE_BYTES} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error


def _selected(body: Any) -> tuple[Selection, bool]:
    """What to purge, and whether only to count it."""
    conditions = dict(body) if isinstance(body, dict) else {}
    dry_run = conditions.pop("dry_run", False)
    match [*conditions.items()], dry_run:
        case [("key", str(key))], bool() if len(key) == _KEY_HEX_CHARS:
            return Selection(key_prefix=key), dry_run
        case [("kind", str(kind))], bool() if kind:
            return Selection(kind=kind), dry_run
        case [("model", str(model))], bool() if model:
            return Selection(model=model), dry_run
    raise HTTPException(400, "name one of key (all of it), kind and model; dry_run is true or not")
