"""The client of Ollama's API. Our embedded engine speaks it too, so this serves both."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal, TypeVar

import attrs

from refrain_sidecar.config.settings import NetworkingSettings
from refrain_sidecar.inference.ollama import bodies, failures, replies
from refrain_sidecar.inference.ollama.messages import (
    ChatRequest,
    Chunk,
    EngineVersion,
    Finish,
    GenerateRequest,
    Generation,
    ModelTag,
    RunningModel,
)
from refrain_sidecar.inference.ollama.options import reload_causes, reloading_options
from refrain_sidecar.inference.ollama.transport import JsonObject, Transport

log = logging.getLogger("refrain.inference")

T = TypeVar("T")


class OllamaClient:
    """Asks one engine at one address over one pool of connections.

    Every verb raises an `InferenceError`; cancelling closes the connection, which stops the
    engine. Belongs to the event loop it is first used on. `key` goes with each request as a bearer
    token; `headers` are what another client of the same engine has to send.
    """

    def __init__(
        self,
        base_url: str,
        networking: NetworkingSettings,
        engine: Literal["ollama", "embedded"] = "ollama",
        key: str | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._engine = engine
        self._patience = networking.first_token_timeout
        self.headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._transport = Transport(base_url, networking, engine, self.headers)
        self._loaded_with: dict[str, Mapping[str, Any]] = {}

    async def __aenter__(self) -> OllamaClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    # --- the engine and its models ----------------------------------------------------------

    async def version(self) -> EngineVersion:
        """GET /api/version."""
        return self._read("/api/version", replies.version, await self._get("/api/version"))

    async def tags(self) -> tuple[ModelTag, ...]:
        """The models the engine has."""
        return self._read("/api/tags", replies.tags, await self._get("/api/tags"))

    async def ps(self) -> tuple[RunningModel, ...]:
        """The models in memory."""
        return self._read("/api/ps", replies.running, await self._get("/api/ps"))

    async def show(self, model: str) -> JsonObject:
        """POST /api/show: template, parameters, `model_info`, capabilities."""
        return await self._transport.call("POST", "/api/show", {"model": model}, model=model)

    async def load(
        self, model: str, options: Mapping[str, Any], keep_alive: str | int | None = None
    ) -> Finish:
        """Load `model` with `options` and generate nothing. `keep_alive` 0 unloads it."""
        path = "/api/generate"
        self._warn_of_reload(model, options)
        data = await self._transport.call(
            "POST",
            path,
            bodies.load_body(model, options, keep_alive),
            model=model,
            patience_s=self._patience,
        )
        finish = self._read(path, replies.generate_chunk, data).finish
        if finish is None:
            raise failures.broken(self._target(path, model), "the engine did not say it was done")
        self._loaded_with[model] = reloading_options(options)
        return finish

    # --- generate ---------------------------------------------------------------------------

    async def generate(self, request: GenerateRequest) -> Generation:
        """The whole answer or an error, never a part of one."""
        return await _whole(self.stream_generate(request))

    def stream_generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """The answer piece by piece. Who may stop early wraps it in `contextlib.aclosing`."""
        return self._stream(
            "/api/generate", bodies.generate_body(request), request, replies.generate_chunk
        )

    # --- chat -------------------------------------------------------------------------------

    async def chat(self, request: ChatRequest) -> Generation:
        """The whole answer or an error, never a part of one."""
        return await _whole(self.stream_chat(request))

    def stream_chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The answer piece by piece. Who may stop early wraps it in `contextlib.aclosing`."""
        return self._stream("/api/chat", bodies.chat_body(request), request, replies.chat_chunk)

    async def rendered(self, request: ChatRequest) -> str | None:
        """The prompt that a chat becomes by the model's template; nothing is generated.

        None from an engine that knows no such thing (Ollama before 0.12).
        """
        body = bodies.chat_body(request, stream=False) | {"_debug_render_only": True}
        data = await self._transport.call(
            "POST", "/api/chat", body, model=request.model, patience_s=self._patience
        )
        shown = data.get("_debug_info")
        return shown.get("rendered_template") if isinstance(shown, dict) else None

    # --- inside -----------------------------------------------------------------------------

    async def _stream(
        self,
        path: str,
        body: Mapping[str, Any],
        request: GenerateRequest | ChatRequest,
        read: Callable[[JsonObject], Chunk],
    ) -> AsyncGenerator[Chunk, None]:
        self._warn_of_reload(request.model, request.options)
        loading = reloading_options(request.options)
        lines = self._transport.lines(path, body, model=request.model, is_last=_is_done)
        async with aclosing(lines):
            async for data in lines:
                self._loaded_with[request.model] = loading
                yield self._read(path, read, data)

    async def _get(self, path: str) -> JsonObject:
        return await self._transport.call("GET", path)

    def _read(self, path: str, read: Callable[[JsonObject], T], data: JsonObject) -> T:
        try:
            return read(data)
        except replies.MalformedReply as error:
            raise failures.not_the_api(self._target(path), str(error)) from error

    def _target(self, path: str, model: str | None = None) -> failures.Target:
        return failures.Target(self._engine, self.base_url, path, model)

    def _warn_of_reload(self, model: str, options: Mapping[str, Any]) -> None:
        before = self._loaded_with.get(model)
        if before is not None and (causes := reload_causes(before, options)):
            log.warning(
                "%s is loaded anew, which takes seconds: %s. Ask one model with one set of "
                "options everywhere.",
                model,
                ", ".join(causes),
            )


def _is_done(data: JsonObject) -> bool:
    return data.get("done") is True


async def _whole(pieces: AsyncGenerator[Chunk, None]) -> Generation:
    """A streamed answer put together."""
    async with aclosing(pieces):
        chunks = [chunk async for chunk in pieces]
    finish = chunks[-1].finish
    assert finish is not None, "the transport ends a stream with `done` or an error"
    return Generation(
        **attrs.asdict(finish),
        text="".join(chunk.text for chunk in chunks),
        thinking="".join(chunk.thinking for chunk in chunks),
        logprobs=tuple(token for chunk in chunks for token in chunk.logprobs),
    )
