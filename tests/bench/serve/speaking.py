"""`python -m tests.bench.serve.speaking`: an upstream whose every answer follows from its question,
until stdin closes; prints its URL. Whoever asks can tell each wrong byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

MODEL: Final = "speaking:latest"
_LINES: Final = 10
_GAP_S: Final = 0.002
_TAG: Final = {"name": MODEL, "model": MODEL, "digest": "d1", "size": 1, "details": {}}
_TOLD: Final = {"/api/tags": {"models": [_TAG]}, "/api/version": {"version": "1"}}


def answer(path: str, body: bytes) -> list[bytes]:
    """The parts of the answer to a request: several for a stream."""
    if path in _TOLD:
        return [json.dumps(_TOLD[path]).encode()]
    asked = json.loads(body)
    if path == "/api/chat":
        words = [_word(asked["messages"][-1]["content"], number) for number in range(_LINES)]
        parts = [{"message": {"role": "assistant", "content": word}} for word in words]
        return [*(_line({**part, "done": False}) for part in parts), _line(_end(_LINES))]
    if path == "/api/generate":
        said = " ".join(_word(asked["prompt"], number) for number in range(200))
        return [json.dumps({"model": MODEL, "response": said, **_end(200)}).encode()]
    if path == "/api/embed":
        found = {"model": MODEL, "embeddings": vectors(asked["input"]), "prompt_eval_count": 9}
        return [json.dumps(found, separators=(",", ":")).encode()]
    return [json.dumps({"path": path, "sha256": hashlib.sha256(body).hexdigest()}).encode()]


def vectors(texts: Sequence[str]) -> list[list[float]]:
    """A vector for each text."""
    return [[byte / 256 for byte in hashlib.sha256(text.encode()).digest()] for text in texts]


def _word(text: str, number: int) -> str:
    return hashlib.sha256(f"{text} {number}".encode()).hexdigest()[:8]


def _end(tokens: int) -> dict[str, Any]:
    return {"done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": tokens}


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps({"model": MODEL, **said}).encode() + b"\n"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = dict(one.lower().split(": ", 1) for one in head.split("\r\n")[1:-2])
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            path = head.split(" ", 2)[1]
            parts = answer(path, body)
            kind = "application/x-ndjson" if len(parts) > 1 else "application/json"
            head = f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\n" + head.encode())
            for part in parts:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                await writer.drain()
                if len(parts) > 1:
                    await asyncio.sleep(_GAP_S)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
