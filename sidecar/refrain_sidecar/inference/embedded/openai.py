"""OpenAI's API in Ollama's: chat and text completions, embeddings, models.

Shapes and defaults are those of Ollama 0.24 (`openai/openai.go`, `middleware/openai.go`).
"""

from __future__ import annotations

import base64
import random
import struct
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from attrs import field, frozen

from refrain_sidecar.inference.embedded.failures import bad_request
from refrain_sidecar.inference.embedded.requests import JSONObject, value_of
from refrain_sidecar.inference.embedded.wording import EventWording, Frames, Lines, Wording

# These options are called alike in both.
_OPTIONS = ("stop", "seed", "temperature", "top_p", "frequency_penalty", "presence_penalty")


def _usage(line: Mapping[str, Any]) -> Mapping[str, Any]:
    prompt, said = line.get("prompt_eval_count", 0), line.get("eval_count", 0)
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}


@frozen
class ChatCompletions(EventWording):
    """/v1/chat/completions."""

    _prefix: ClassVar = "chatcmpl"
    _kind: ClassVar = "chat.completion"
    _chunk_kind: ClassVar = "chat.completion.chunk"
    # What a chunk says of usage, where that is wanted, before it is known.
    _early_usage: ClassVar[Mapping[str, Any]] = {}
    _number: int = field(init=False, factory=lambda: random.randrange(999))

    def body(self) -> JSONObject:
        said = value_of(self.asked, "messages", list, [])
        if not said:
            raise bad_request("[] is too short - 'messages'")
        wanted = value_of(self.asked, "response_format", dict, {})
        reasoning = value_of(self.asked, "reasoning", dict, {})
        return {
            **self._common(),
            "messages": [_message(message) for message in said],
            "format": {
                "json_object": "json",
                "json_schema": value_of(wanted, "json_schema", dict, {}).get("schema"),
            }.get(value_of(wanted, "type", str, "")),
            "tools": self.asked.get("tools"),
            "think": thinking(reasoning.get("effort") or self.asked.get("reasoning_effort")),
            "logprobs": self.asked.get("logprobs"),
            "top_logprobs": self.asked.get("top_logprobs"),
        }

    def whole(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        choice = self._choice(answer, "message")
        return {**self._made(self._kind, answer, choice), "usage": _usage(answer)}

    async def frames(self, lines: Lines) -> Frames:
        wanted = value_of(self.asked, "stream_options", dict, {})
        with_usage = value_of(wanted, "include_usage", bool, False)
        async for line in lines:
            chunk = self._made(self._chunk_kind, line, self._choice(line, "delta"))
            yield self.frame({**chunk, **(self._early_usage if with_usage else {})})
            if line["done"]:
                if with_usage:
                    yield self.frame({**chunk, "choices": [], "usage": _usage(line)})
                yield b"data: [DONE]\n\n"

    def _common(self) -> dict[str, Any]:
        asked = self.asked
        options = {name: asked[name] for name in _OPTIONS if asked.get(name) is not None}
        return {
            "model": asked.get("model"),
            "stream": value_of(asked, "stream", bool, False),
            "options": {
                "temperature": 1.0,
                "top_p": 1.0,
                "num_predict": asked.get("max_tokens"),
                **options,
            },
        }

    def _choice(self, line: Mapping[str, Any], said: str) -> dict[str, Any]:
        choice = {"index": 0, said: line["message"], "finish_reason": line.get("done_reason")}
        if line.get("logprobs"):
            choice["logprobs"] = {"content": line["logprobs"]}
        return choice

    def _made(
        self, kind: str, line: Mapping[str, Any], choice: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "id": f"{self._prefix}-{self._number}",
            "object": kind,
            "created": int(time.time()),
            "model": line["model"],
            "system_fingerprint": "fp_ollama",
            "choices": [choice],
        }


@frozen
class Completions(ChatCompletions):
    """/v1/completions: the prompt is said as a user's message, and answered."""

    _prefix = "cmpl"
    _kind = _chunk_kind = "text_completion"
    _early_usage: ClassVar = {"usage": _usage({})}

    def body(self) -> JSONObject:
        return {
            **self._common(),
            "prompt": self.asked.get("prompt"),
            "suffix": self.asked.get("suffix"),
        }

    def _choice(self, line: Mapping[str, Any], said: str) -> dict[str, Any]:
        return {"text": line["response"], "index": 0, "finish_reason": line.get("done_reason")}


class Embeddings(Wording):
    """/v1/embeddings."""

    def body(self) -> JSONObject:
        encoding = value_of(self.asked, "encoding_format", str, "")
        if encoding.lower() not in ("", "float", "base64"):
            raise bad_request(
                f"Invalid value for 'encoding_format' = {encoding}. "
                "Supported values: ['float', 'base64']."
            )
        if not self.asked.get("input"):
            raise bad_request("invalid input")
        return {name: self.asked.get(name) for name in ("model", "input", "dimensions")}

    def whole(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        packed = value_of(self.asked, "encoding_format", str, "").lower() == "base64"
        tokens = answer["prompt_eval_count"]
        return {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "embedding": _packed(vector) if packed else vector,
                    "index": index,
                }
                for index, vector in enumerate(answer["embeddings"])
            ],
            "model": answer["model"],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def models(tags: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer to /v1/models, made of that to /api/tags."""
    return {"object": "list", "data": [model(tag["name"], tag) for tag in tags["models"]]}


def model(name: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer to /v1/models/`name`, made of what Ollama's API tells of it."""
    created = int(datetime.fromisoformat(told["modified_at"]).timestamp())
    return {"id": name, "object": "model", "created": created, "owned_by": "library"}


def thinking(effort: Any) -> Any:
    """Ollama's `think` for a reasoning effort; None if nothing is said."""
    return False if effort == "none" else effort or None


def _message(said: Any) -> JSONObject:
    """One message, its parts put together as Ollama's templates put messages of one role."""
    if not isinstance(said, dict):
        raise bad_request("invalid message format")
    content = said.get("content")
    if content is None and said.get("tool_calls"):
        content = ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list):
        raise bad_request(f"invalid message content type: {type(content).__name__}")
    texts, images = [], []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(value_of(part, "text", str, ""))
        elif kind in ("image_url", "input_audio"):
            images.append(part[kind])
        else:
            raise bad_request("invalid message format")
    return {"role": said.get("role"), "content": "\n\n".join(texts), "images": images}


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
