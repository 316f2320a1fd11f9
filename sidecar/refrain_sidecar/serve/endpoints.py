"""Which paths are answered from the cache, and in whose form each fails. Pure."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from attrs import frozen

Api = Literal["ollama", "openai", "anthropic"]


@frozen
class Endpoint:
    """A path whose answers are kept, each under a kind of its own.

    `streams` is whether it does unless told otherwise; `inputs` names the field of texts that
    become vectors, where it has one.
    """

    path: str
    api: Api
    streams: bool = False
    inputs: str | None = None

    @property
    def kind(self) -> str:
        """The kind of its entries, such as `api_chat`."""
        return self.path.strip("/").replace("/", "_")

    @property
    def embeds(self) -> bool:
        """Whether its answers are vectors, which never expire and always repeat."""
        return "embed" in self.path


ENDPOINTS: Final = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint("/api/generate", "ollama", streams=True),
        Endpoint("/api/chat", "ollama", streams=True),
        Endpoint("/api/embed", "ollama", inputs="input"),
        Endpoint("/api/embeddings", "ollama"),
        Endpoint("/v1/chat/completions", "openai"),
        Endpoint("/v1/completions", "openai"),
        Endpoint("/v1/embeddings", "openai", inputs="input"),
        Endpoint("/v1/responses", "openai"),
        Endpoint("/v1/messages", "anthropic"),
    )
}
KINDS: Final = frozenset(endpoint.kind for endpoint in ENDPOINTS.values())
# What changes which models there are, or what is behind a name.
CHANGING: Final = frozenset({"/api/pull", "/api/create", "/api/copy", "/api/delete"})


def error_body(path: str, message: str) -> bytes:
    """An error as the API that `path` belongs to tells it."""
    if path.startswith("/v1/messages"):
        told: Any = {"type": "error", "error": {"type": "api_error", "message": message}}
    elif path.startswith("/v1/"):
        told = {"error": {"message": message, "type": "api_error", "param": None, "code": None}}
    else:
        told = {"error": message}
    return json.dumps(told, ensure_ascii=False).encode()
