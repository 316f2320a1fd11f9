"""Requests as the JSON bodies of Ollama's API. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from refrain_sidecar.inference.ollama.messages import ChatRequest, GenerateRequest, Message

Body = dict[str, Any]


def generate_body(request: GenerateRequest, *, stream: bool = True) -> Body:
    """The body of POST /api/generate."""
    body = _shared(request, stream) | {"prompt": request.prompt}
    if request.system is not None:
        body["system"] = request.system
    if request.raw:
        body["raw"] = True
    if request.images:
        body["images"] = _encoded(request.images)
    if request.logprob_tokens:
        body["logprob_tokens"] = list(request.logprob_tokens)
    return body


def chat_body(request: ChatRequest, *, stream: bool = True) -> Body:
    """The body of POST /api/chat."""
    return _shared(request, stream) | {
        "messages": [_message(message) for message in request.messages]
    }


def load_body(model: str, options: Mapping[str, Any], keep_alive: str | int | None) -> Body:
    """The body of POST /api/generate that loads a model and generates nothing."""
    body: Body = {"model": model, "stream": False, "options": dict(options)}
    if keep_alive is not None:
        body["keep_alive"] = keep_alive
    return body


def _shared(request: GenerateRequest | ChatRequest, stream: bool) -> Body:
    body: Body = {
        "model": request.model,
        "stream": stream,
        "think": request.think,
        "options": dict(request.options),
        # What does not fit is refused: an answer to half a question would be kept as the answer
        # to all of it. In a chat it also spares the calls that find out where to cut.
        "truncate": False,
    }
    if request.format is not None:
        body["format"] = request.format if request.format == "json" else dict(request.format)
    if request.keep_alive is not None:
        body["keep_alive"] = request.keep_alive
    if request.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    return body


def _message(message: Message) -> Body:
    body: Body = {"role": message.role, "content": message.content}
    if message.images:
        body["images"] = _encoded(message.images)
    return body


def _encoded(images: tuple[bytes, ...]) -> list[str]:
    return [b64encode(image).decode("ascii") for image in images]
