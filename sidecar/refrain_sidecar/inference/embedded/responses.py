"""OpenAI's /v1/responses in Ollama's chat, as Ollama 0.24 translates it (`openai/responses.go`)."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from refrain_sidecar.inference.embedded.failures import bad_request
from refrain_sidecar.inference.embedded.openai import thinking
from refrain_sidecar.inference.embedded.requests import JSONObject, value_of
from refrain_sidecar.inference.embedded.wording import EventWording, Frames, Lines


@frozen
class Responses(EventWording):
    """One request and its answer; nothing is kept for a later one."""

    _id: str = field(init=False, factory=lambda: f"resp_{random.randrange(999999)}")
    _item_id: str = field(init=False, factory=lambda: f"msg_{random.randrange(999999)}")

    def body(self) -> JSONObject:
        asked = self.asked
        shape = self._shape()
        options = {
            "temperature": self._number("temperature"),
            "top_p": asked.get("top_p"),
            "num_predict": asked.get("max_output_tokens"),
        }
        return {
            "model": asked.get("model"),
            "messages": self._messages(),
            "stream": value_of(asked, "stream", bool, False),
            "options": options,
            "format": shape.get("schema") if shape["type"] == "json_schema" else None,
            "tools": asked.get("tools"),
            "think": thinking(value_of(asked, "reasoning", dict, {}).get("effort")),
        }

    def whole(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        said = self._said("completed", [_part(answer["message"]["content"])])
        return self._response("completed", [said], answer)

    async def frames(self, lines: Lines) -> Frames:
        number = 0
        text = ""
        place = {"item_id": self._item_id, "output_index": 0, "content_index": 0}

        def event(kind: str, **told: Any) -> bytes:
            nonlocal number
            frame = self.frame({"type": f"response.{kind}", "sequence_number": number, **told})
            number += 1
            return frame

        async for line in lines:
            if number == 0:
                for kind in ("created", "in_progress"):
                    yield event(kind, response=self._response("in_progress", [], None))
            if delta := line["message"]["content"]:
                if not text:
                    added = self._said("in_progress", [])
                    yield event("output_item.added", output_index=0, item=added)
                    yield event("content_part.added", **place, part=_part(""))
                text += delta
                yield event("output_text.delta", **place, delta=delta, logprobs=[])
            if line["done"]:
                output = []
                if text:
                    output = [self._said("completed", [_part(text)])]
                    yield event("output_text.done", **place, text=text, logprobs=[])
                    yield event("content_part.done", **place, part=_part(text))
                    yield event("output_item.done", output_index=0, item=output[0])
                yield event("completed", response=self._response("completed", output, line))

    def _messages(self) -> list[JSONObject]:
        given = self.asked.get("input") or []
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        if not isinstance(items, list):
            raise bad_request("input must be a string or array")
        messages: list[JSONObject] = []
        if instructions := value_of(self.asked, "instructions", str, ""):
            messages.append({"role": "system", "content": instructions})
        for item in items:
            if not isinstance(item, dict):
                raise bad_request("input must be an array of objects")
            kind = item.get("type") or ("message" if item.get("role") else "")
            if kind == "message":
                messages.append({"role": item.get("role"), **_content(item.get("content"))})
            elif kind == "function_call_output":
                messages.append({"role": "tool", **_content(item.get("output"))})
            elif kind == "function_call":
                # This model's template says nothing of calls, but that it was its turn.
                if not messages or messages[-1]["role"] != "assistant":
                    messages.append({"role": "assistant", "content": ""})
            elif kind != "reasoning":
                raise bad_request(f'unknown input item type: "{kind}"')
        return messages

    def _shape(self) -> JSONObject:
        shape = value_of(value_of(self.asked, "text", dict, {}), "format", dict, {})
        told = {name: shape[name] for name in ("name", "schema", "strict") if shape.get(name)}
        return {"type": value_of(shape, "type", str, "text"), **told}

    def _number(self, name: str) -> Any:
        given = self.asked.get(name)
        return 1.0 if given is None else given

    def _said(self, status: str, content: Sequence[JSONObject]) -> JSONObject:
        known = {"id": self._item_id, "type": "message", "status": status}
        return {**known, "role": "assistant", "content": content}

    def _response(
        self, status: str, output: Sequence[JSONObject], end: Mapping[str, Any] | None
    ) -> JSONObject:
        asked = self.asked
        effort = value_of(asked, "reasoning", dict, {})
        now = int(time.time())
        return {
            "id": self._id,
            "object": "response",
            "created_at": now,
            "completed_at": None if end is None else now,
            "status": status,
            "incomplete_details": None,
            "model": asked.get("model"),
            "previous_response_id": None,
            "instructions": asked.get("instructions") or None,
            "output": output,
            "error": None,
            "tools": [],
            "tool_choice": "auto",
            "truncation": asked.get("truncation") or "disabled",
            "parallel_tool_calls": True,
            "text": {"format": self._shape()},
            "top_p": self._number("top_p"),
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "top_logprobs": 0,
            "temperature": self._number("temperature"),
            "reasoning": {n: effort.get(n) for n in ("effort", "summary")} if effort else None,
            "usage": None if end is None else _usage(end),
            "max_output_tokens": asked.get("max_output_tokens"),
            "max_tool_calls": None,
            "store": False,
            "background": bool(asked.get("background")),
            "service_tier": "default",
            "metadata": {},
            "safety_identifier": None,
            "prompt_cache_key": None,
        }


def _content(given: Any) -> JSONObject:
    parts = [{"type": "input_text", "text": given}] if isinstance(given, str) else given or []
    if not isinstance(parts, list):
        raise bad_request("content must be a string or array")
    text, images = "", []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("input_text", "output_text"):
            text += value_of(part, "text", str, "")
        elif kind == "input_image":
            images.append(part.get("image_url"))
        elif kind == "input_file":
            raise bad_request("file inputs are not currently supported")
        else:
            raise bad_request(f"unknown content type: {kind}")
    return {"content": text, "images": images}


def _part(text: str) -> JSONObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(end: Mapping[str, Any]) -> JSONObject:
    taken, made = end.get("prompt_eval_count", 0), end.get("eval_count", 0)
    return {
        "input_tokens": taken,
        "output_tokens": made,
        "total_tokens": taken + made,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
