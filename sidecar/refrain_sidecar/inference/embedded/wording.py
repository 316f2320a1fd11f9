"""How answers are worded: Ollama's own way, which other APIs' wordings translate from and to."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, ClassVar

from attrs import frozen

from refrain_sidecar.inference.embedded.requests import JSONObject

Lines = AsyncGenerator[Mapping[str, Any], None]
Frames = AsyncGenerator[bytes, None]


def encoded(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@frozen
class Wording:
    """How one request is asked and answered: as Ollama does. What other APIs say is made of it."""

    media_type: ClassVar[str] = "application/x-ndjson"
    asked: JSONObject

    def body(self) -> JSONObject:
        """The request as Ollama's API has it. Raises EngineFailure 400."""
        return self.asked

    def whole(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ollama's answer in this API's words."""
        return answer

    async def frames(self, lines: Lines) -> Frames:
        """Ollama's stream in this API's words."""
        async for line in lines:
            yield self.frame(line)

    def frame(self, value: Mapping[str, Any]) -> bytes:
        """One part of a stream, as it goes over the wire."""
        return encoded(value) + b"\n"


class EventWording(Wording):
    """A wording whose streams are server-sent events, named by their `type` if they have one."""

    media_type = "text/event-stream"

    def frame(self, value: Mapping[str, Any]) -> bytes:
        name = f"event: {value['type']}\n" if "type" in value else ""
        return name.encode() + b"data: " + encoded(value) + b"\n\n"
