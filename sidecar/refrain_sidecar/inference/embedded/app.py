"""The Ollama API of the embedded engine: which path is answered by what."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from refrain_sidecar.inference.embedded import keep_alive, openai, shapes
from refrain_sidecar.inference.embedded.anthropic import Messages
from refrain_sidecar.inference.embedded.catalogue import Catalogue
from refrain_sidecar.inference.embedded.embedding import embed
from refrain_sidecar.inference.embedded.failures import EngineFailure, bad_request, failure_of
from refrain_sidecar.inference.embedded.gate import Gate
from refrain_sidecar.inference.embedded.generation import Piece, check_request, generation
from refrain_sidecar.inference.embedded.llama import LlamaServer, Loading
from refrain_sidecar.inference.embedded.openai import ChatCompletions, Completions, Embeddings
from refrain_sidecar.inference.embedded.options import loading
from refrain_sidecar.inference.embedded.replies import LinesReply, error_reply, json_reply
from refrain_sidecar.inference.embedded.requests import (
    Common,
    EmbedBody,
    chat_body,
    embed_body,
    embeddings_body,
    generate_body,
    model_name,
    parsed,
    wants_stream,
)
from refrain_sidecar.inference.embedded.residency import Residency
from refrain_sidecar.inference.embedded.responses import Responses
from refrain_sidecar.inference.embedded.wording import EventWording, Wording

Answer = Callable[[Wording], Awaitable[Response]]
Line = Callable[[str, Piece], dict[str, Any]]
End = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
PromptOf = Callable[[LlamaServer], Awaitable[str]]

# What would make other models, or give this one away.
_CHANGES = ("create", "copy", "push")


def application(
    catalogue: Catalogue, residency: Residency, default: Loading, key: str | None
) -> Starlette:
    """The ASGI application. `default` is for requests that name no num_ctx or num_thread.

    `key` is demanded of every request; None: whoever is on this machine may ask.
    """
    api = _Api(catalogue, residency, default)
    return Starlette(
        routes=[
            Route("/", api.root, methods=["GET"]),
            Route("/api/version", api.version, methods=["GET"]),
            Route("/api/tags", api.tags, methods=["GET"]),
            Route("/api/ps", api.ps, methods=["GET"]),
            Route("/api/show", api.show, methods=["POST"]),
            _post("/api/generate", api.generate, Wording),
            _post("/api/chat", api.chat, Wording),
            _post("/api/embed", api.embed, Wording),
            Route("/api/embeddings", api.embeddings, methods=["POST"]),
            Route("/api/pull", api.pull, methods=["POST"]),
            Route("/api/delete", api.kept, methods=["DELETE"]),
            *(Route(f"/api/{verb}", api.kept, methods=["POST"]) for verb in _CHANGES),
            Route("/api/blobs/{digest}", api.kept, methods=["HEAD", "POST"]),
            Route("/v1/models", api.models, methods=["GET"]),
            Route("/v1/models/{name}", api.model, methods=["GET"]),
            _post("/v1/chat/completions", api.chat, ChatCompletions),
            _post("/v1/completions", api.generate, Completions),
            _post("/v1/embeddings", api.embed, Embeddings),
            _post("/v1/responses", api.chat, Responses),
            _post("/v1/messages", api.chat, Messages),
            Route("/slots", api.slots, methods=["GET"]),
        ],
        middleware=[Middleware(Gate, key=key)],
        exception_handlers={
            **dict.fromkeys((EngineFailure, RecursionError, Exception), _refused),
            HTTPException: _unrouted,
        },
    )


def _post(path: str, answer: Answer, wording: type[Wording]) -> Route:
    async def answered(request: Request) -> Response:
        return await answer(wording(parsed(await request.body())))

    return Route(path, answered, methods=["POST"])


async def _refused(request: Request, error: Exception) -> Response:
    return error_reply(failure_of(error), request.url.path)


async def _unrouted(_: Request, error: Exception) -> Response:
    """No such path, or not by this method: gin's words, which Ollama's clients know."""
    assert isinstance(error, HTTPException)
    said = "page not found" if error.status_code == 404 else error.detail.lower()
    return PlainTextResponse(f"{error.status_code} {said}", error.status_code, error.headers)


@frozen
class _Api:
    catalogue: Catalogue
    residency: Residency
    default: Loading

    async def root(self, _: Request) -> Response:
        return PlainTextResponse("Ollama is running")

    async def version(self, _: Request) -> Response:
        refrain = {
            "engine": "llama.cpp via xllamacpp",
            "max_top_logprobs": self.catalogue.vocabulary,
            "keeps_prompts": True,
        }
        version = self.catalogue.installed.engine_version
        return json_reply({"version": version, "refrain": refrain})

    async def tags(self, _: Request) -> Response:
        return json_reply(self.catalogue.tags())

    async def ps(self, _: Request) -> Response:
        server = self.residency.loaded
        num_ctx = None if server is None else server.loading.num_ctx
        return json_reply(self.catalogue.ps(num_ctx, self.residency.expires_at))

    async def slots(self, _: Request) -> Response:
        server = self.residency.loaded
        return json_reply([] if server is None else await server.slots())

    async def show(self, request: Request) -> Response:
        self.catalogue.check(model_name(parsed(await request.body())))
        return json_reply(self.catalogue.show())

    async def pull(self, request: Request) -> Response:
        body = parsed(await request.body())
        fold = None if wants_stream(body) else lambda lines: lines[-1]
        return LinesReply(Wording(body), self._pulled(model_name(body)), fold)

    async def _pulled(self, name: str) -> AsyncGenerator[Mapping[str, Any], None]:
        yield {"status": "pulling manifest"}
        try:
            self.catalogue.check(name)
        except EngineFailure as failure:
            raise EngineFailure(500, "pull model manifest: file does not exist") from failure
        yield {"status": "success"}

    async def kept(self, _: Request) -> Response:
        """Refuses to change which models there are."""
        raise bad_request(f"this engine has one model, {self.catalogue.installed.model}, for good")

    async def models(self, _: Request) -> Response:
        return json_reply(openai.models(self.catalogue.tags()))

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.catalogue.check(name)
        return json_reply(openai.model(name, self.catalogue.show()))

    async def generate(self, wording: Wording) -> Response:
        asked = generate_body(wording.body(), self.catalogue.vocabulary)
        common = asked.common
        self.catalogue.check(common.model)
        if not asked.prompt:
            return self._load_or_unload(wording, common, shapes.generate_end)

        async def prompt_of(server: LlamaServer) -> str:
            if asked.raw:
                return asked.prompt
            messages = [{"role": "user", "content": asked.prompt}]
            if asked.system:
                messages.insert(0, {"role": "system", "content": asked.system})
            before = await server.detokenize(asked.context) if asked.context else ""
            return before + await server.prompt_of(messages)

        lines = self._lines(
            common, prompt_of, shapes.generate_line, shapes.generate_end, not asked.raw
        )
        return LinesReply(wording, lines, None if common.stream else shapes.fold_generate)

    async def chat(self, wording: Wording) -> Response:
        asked = chat_body(wording.body(), self.catalogue.vocabulary)
        common = asked.common
        self.catalogue.check(common.model)
        if not asked.messages:
            return self._load_or_unload(wording, common, shapes.chat_end)

        async def prompt_of(server: LlamaServer) -> str:
            return await server.prompt_of(asked.messages)

        if asked.render_only:
            async with self.residency.use(self._loading(common), _stay(common.keep_alive)) as it:
                return json_reply(shapes.rendered(common.model, await prompt_of(it)))
        lines = self._lines(common, prompt_of, shapes.chat_line, shapes.chat_end, False)
        return LinesReply(wording, lines, None if common.stream else shapes.fold_chat)

    async def embed(self, wording: Wording) -> Response:
        return json_reply(wording.whole(await self._embedded(embed_body(wording.body()))))

    async def embeddings(self, request: Request) -> Response:
        made = await self._embedded(embeddings_body(parsed(await request.body())))
        return json_reply({"embedding": next(iter(made["embeddings"]), [])})

    async def _embedded(self, asked: EmbedBody) -> Mapping[str, Any]:
        self.catalogue.check(asked.model)
        wanted = loading(asked.options, self.default, self.catalogue.trained_ctx)
        return await embed(self.residency, wanted, asked, _stay(asked.keep_alive))

    def _load_or_unload(self, wording: Wording, common: Common, end: End) -> Response:
        """Ollama's preloading: a request without a prompt loads, or with keep_alive 0 unloads.

        Ollama itself answers with one object also where a stream is asked for.
        """

        async def line() -> AsyncGenerator[Mapping[str, Any], None]:
            if common.keep_alive == 0:
                await self.residency.unload()
                yield end(common.model, "unload", {})
                return
            async with self.residency.use(self._loading(common), _stay(common.keep_alive)):
                yield end(common.model, "load", {})

        in_events = common.stream and isinstance(wording, EventWording)
        return LinesReply(wording, line(), None if in_events else lambda lines: lines[-1])

    async def _lines(
        self, common: Common, prompt_of: PromptOf, line: Line, end: End, with_context: bool
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        started = time.perf_counter_ns()
        # What is wrong with a request is said before it waits for its turn.
        check_request(common)
        wanted = self._loading(common)
        async with self.residency.use(wanted, _stay(common.keep_alive)) as server:
            load_ns = time.perf_counter_ns() - started
            prompt = await prompt_of(server)
            text = ""
            async with aclosing(generation(server, prompt, common)) as events:
                async for event in events:
                    if isinstance(event, Piece):
                        text += event.text
                        yield line(common.model, event)
                        continue
                    total_ns = time.perf_counter_ns() - started
                    figures: dict[str, Any] = dict(shapes.figures(event, total_ns, load_ns))
                    if with_context:
                        figures["context"] = await server.tokenize(prompt + text)
                    yield end(common.model, event.reason, figures)

    def _loading(self, common: Common) -> Loading:
        return loading(common.options, self.default, self.catalogue.trained_ctx)


def _stay(seconds: float | None) -> float:
    return keep_alive.DEFAULT_SECONDS if seconds is None else seconds
