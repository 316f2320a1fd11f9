"""Anthropic's /v1/messages in Ollama's chat, as Ollama 0.24 translates it (`anthropic/`)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from refrain_sidecar.inference.embedded.failures import bad_request
from refrain_sidecar.inference.embedded.requests import JSONObject, model_name, value_of
from refrain_sidecar.inference.embedded.wording import EventWording, Frames, Lines

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}
# Ollama's estimate of a prompt's tokens, for the event that comes before they are counted.
_BYTES_PER_TOKEN = 4


@frozen
class Messages(EventWording):
    """One request and its answer. Thinking that is asked for is left out, as Ollama does."""

    _id: str = field(init=False, factory=lambda: f"msg_{secrets.token_hex(12)}")

    def body(self) -> JSONObject:
        asked = self.asked
        name = model_name(asked)
        if value_of(asked, "max_tokens", int, 0) <= 0:
            raise bad_request("max_tokens is required and must be positive")
        if not value_of(asked, "messages", list, []):
            raise bad_request("messages is required")
        options = {name: asked.get(name) for name in ("temperature", "top_p", "top_k")}
        return {
            "model": name,
            "messages": self._messages(),
            "stream": value_of(asked, "stream", bool, False),
            "options": {
                **options,
                "num_predict": asked["max_tokens"],
                "stop": asked.get("stop_sequences"),
            },
            "tools": asked.get("tools"),
        }

    def whole(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        text = answer["message"]["content"]
        content = [{"type": "text", "text": text}] if text else []
        return {**self._message(content, _usage(answer)), **_stop(answer)}

    async def frames(self, lines: Lines) -> Frames:
        begun = in_text = False
        async for line in lines:
            if not begun:
                begun = True
                usage = {"input_tokens": self._estimate(), "output_tokens": 0}
                yield self.frame({"type": "message_start", "message": self._message([], usage)})
            if text := line["message"]["content"]:
                if not in_text:
                    in_text = True
                    block = {"type": "text", "text": ""}
                    yield self._block("start", content_block=block)
                yield self._block("delta", delta={"type": "text_delta", "text": text})
            if line["done"]:
                if in_text:
                    yield self._block("stop")
                told = {"delta": _stop(line), "usage": _usage(line)}
                yield self.frame({"type": "message_delta", **told})
                yield self.frame({"type": "message_stop"})

    def _messages(self) -> list[JSONObject]:
        system = _text(self.asked.get("system"))
        messages: list[JSONObject] = [{"role": "system", "content": system}] if system else []
        for said in self.asked["messages"]:
            if not isinstance(said, dict):
                raise bad_request("messages must be an array of objects")
            messages += _converted(value_of(said, "role", str, ""), said.get("content"))
        return messages

    def _estimate(self) -> int:
        said = "".join(
            message["content"] + (message["role"] if message["role"] != "system" else "")
            for message in self._messages()
        )
        return max(len(said.encode()) // _BYTES_PER_TOKEN, 1)

    def _message(self, content: Sequence[JSONObject], usage: JSONObject) -> dict[str, Any]:
        known = {"id": self._id, "type": "message", "role": "assistant"}
        return {**known, "model": model_name(self.asked), "content": content, "usage": usage}

    def _block(self, what: str, **told: Any) -> bytes:
        return self.frame({"type": f"content_block_{what}", "index": 0, **told})


def _converted(role: str, content: Any) -> list[JSONObject]:
    """Ollama's messages for one: what tools gave, then what is said."""
    blocks = _blocks(content)
    made: list[JSONObject] = [
        {"role": "tool", "content": _text(block.get("content"))}
        for block in blocks
        if block.get("type") == "tool_result"
    ]
    text = _text(blocks)
    if text or any(block.get("type") in ("image", "tool_use", "thinking") for block in blocks):
        images = [block.get("source") for block in blocks if block.get("type") == "image"]
        made.append({"role": role, "content": text, "images": images})
    return made


def _text(content: Any) -> str:
    return "".join(
        value_of(block, "text", str, "")
        for block in _blocks(content)
        if block.get("type") == "text"
    )


def _blocks(content: Any) -> list[JSONObject]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise bad_request("content must be a string or an array of blocks")
    return blocks


def _stop(line: Mapping[str, Any]) -> JSONObject:
    reason = line["done_reason"]
    return {"stop_reason": _STOP_REASONS.get(reason, "stop_sequence")}


def _usage(line: Mapping[str, Any]) -> JSONObject:
    return {
        "input_tokens": line.get("prompt_eval_count", 0),
        "output_tokens": line.get("eval_count", 0),
    }
