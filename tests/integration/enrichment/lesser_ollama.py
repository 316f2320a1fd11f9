"""A hand-made Ollama, as poor in abilities as a test wants it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from attrs import define, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

# What it tells of the next token where the last text it is shown is about the attic, and else.
TOP = {" sad": -0.5, " lonely": -1.0, " upset": -2.0, " happ": -6.0, " the": -6.5}
LEANING = {" happy": -0.5, " good": -1.0, " sad": -5.0, " lonely": -6.0, " the": -6.5}
PAGE = (
    " The lamp is lit along the stair,\n2. a kettle hums its single note,\n3. and warm is all.\n"
    "Tips\n1. Call the friend you thought of\n2. Walk once around the pond\n"
    "3. Sleep an hour earlier\nClosing: What you carry is seen."
)
# Nobody waits for more of an endless answer than this.
ENDLESS = 1_000

Messages = Sequence[dict[str, Any]]


def chatml(messages: Messages) -> str:
    turns = (f"<|im_start|>{it['role']}\n{it['content']}<|im_end|>\n" for it in messages)
    return "".join(turns) + "<|im_start|>assistant\n"


class Refused(Exception):
    """A reply with status `status`, whose error is the text."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.status = status


@define
class Ollama:
    """`render` is its template (None: it renders nothing for anybody), `template` how /api/show
    tells of it; `texts` is what it writes under a schema, `page` what it writes else. What it was
    asked is in `asked`, path and body; `hears` is called with what the model is shown, `written`
    counts the tokens it took to answer.
    """

    render: Callable[[Messages], str] | None = chatml
    template: str = "<|im_start|>"
    tells: bool = True
    refuses_logprobs: bool = False
    refuses_raw: bool = False
    texts: list[str] = field(factory=lambda: ['{"feeling":"homesick"}'])
    page: str = PAGE
    version: str = "0.33.0"
    digest: str = "d" * 64
    asked: list[tuple[str, dict[str, Any]]] = field(factory=list)
    hears: Callable[[str], None] = lambda _: None
    written: int = 0

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", lambda _: PlainTextResponse("Ollama is running")),
                Route("/api/version", lambda _: JSONResponse({"version": self.version})),
                Route("/api/tags", self.tags),
                Route("/api/show", self.show, methods=["POST"]),
                Route("/api/chat", self.chat, methods=["POST"]),
                Route("/api/generate", self.generate, methods=["POST"]),
            ],
            exception_handlers={Refused: refused},
        )

    def bodies(self, path: str = "/api/generate") -> list[dict[str, Any]]:
        """What it was asked there, first to last."""
        return [body for at, body in self.asked if at == path]

    async def tags(self, _: Request) -> Response:
        tag = {"name": "m:1", "model": "m:1", "digest": self.digest, "size": 1, "modified_at": ""}
        return JSONResponse({"models": [{**tag, "details": {}}]})

    async def show(self, request: Request) -> Response:
        await self._body(request)
        return JSONResponse({"template": self.template, "capabilities": ["completion"]})

    async def chat(self, request: Request) -> Response:
        body = await self._body(request)
        if body.get("_debug_render_only") and self.render is not None:
            info = {"rendered_template": self.render(body["messages"])}
            return JSONResponse({"model": "m:1", "done": False, "_debug_info": info})
        # Whatever its template does to a conversation, this is what the model is shown.
        shown = "".join(message["content"] for message in body["messages"])
        return self._answer(
            body, shown, lambda text: {"message": {"role": "assistant", "content": text}}
        )

    async def generate(self, request: Request) -> Response:
        body = await self._body(request)
        if body.get("raw") and self.refuses_raw:
            raise Refused("raw mode is not supported")
        return self._answer(body, body.get("prompt", ""), lambda text: {"response": text})

    async def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(await request.body())
        self.asked.append((request.url.path, body))
        return body

    def _answer(
        self, body: dict[str, Any], shown: str, said: Callable[[str], dict[str, Any]]
    ) -> Response:
        if body.get("logprobs") and self.refuses_logprobs:
            raise Refused("logprobs are not supported by this model")
        self.hears(shown)
        pieces = self._pieces(body, shown)
        if body.get("stream") is False:
            last = {"done": True, "done_reason": "stop"}
            return JSONResponse({"model": "m:1", **said("".join(pieces)), **last})

        async def lines() -> AsyncIterator[str]:
            for piece in pieces:
                line = {"model": "m:1", **said(piece), "done": False}
                if body.get("logprobs") and self.tells:
                    line["logprobs"] = [told(piece, shown)]
                yield json.dumps(line) + "\n"
                await asyncio.sleep(0)
            yield json.dumps({"model": "m:1", **said(""), "done": True}) + "\n"

        return StreamingResponse(lines())

    def _pieces(self, body: dict[str, Any], shown: str) -> Sequence[str]:
        most = body["options"].get("num_predict", ENDLESS) if shown else 0
        if "format" in body:
            text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        elif "Feeling:" in shown:
            text = self.page
        else:
            text = " and so on" * ENDLESS
        pieces = text.split(" ")
        pieces = [pieces[0], *(f" {piece}" for piece in pieces[1:])][:most]
        self.written += len(pieces)
        return pieces


def told(token: str, shown: str) -> dict[str, Any]:
    about = shown.rsplit('"', 2)[-2] if '"' in shown else ""
    top = TOP if "attic" in about else LEANING
    entries = [{"token": token, "logprob": logprob} for token, logprob in top.items()]
    return {"token": token, "logprob": -1.0, "top_logprobs": entries}


async def refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"error": str(error)}, status_code=error.status)
