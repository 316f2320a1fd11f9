"""The two requests that are asked throughout, as bytes on the wire."""

from __future__ import annotations

import json
from typing import Final

from tests.ollama.serving import MODEL

PATH: Final = "/v1/chat/completions"
# A stream has as many parts, and one for its end.
TOKENS: Final = 200


def _body(question: str, tokens: int, *, stream: bool) -> bytes:
    asked = {
        "model": MODEL,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "seed": 7,
        "max_tokens": tokens,
        "stream": stream,
    }
    return json.dumps(asked).encode()


JSON: Final = _body("Tell me a long story about a river.", 400, stream=False)
STREAM: Final = _body("Tell me a story about a mountain.", TOKENS, stream=True)


def request(body: bytes, path: str = PATH, method: str = "POST") -> bytes:
    """A whole HTTP request, as a client with a pooled connection sends it."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer none\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
