"""`python -m tests.bench.serve.record`: what a real Ollama answers, as the bytes it sends."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.serve.questions import JSON, STREAM, request
from tests.bench.serve.wire import Wire
from tests.ollama.serving import serving

RECORDED: Final = Path(__file__).parent / "recorded"
REQUESTS: Final = {
    "json": request(JSON),
    "stream": request(STREAM),
    "tags": request(b"", "/api/tags", "GET"),
    "version": request(b"", "/api/version", "GET"),
}


def recorded(name: str) -> bytes:
    """The answer to one of `REQUESTS`, from its status line to its last byte."""
    return (RECORDED / f"{name}.http").read_bytes()


def main() -> None:
    with serving() as ollama, Wire(ollama.base_url) as wire:
        for name, asked in REQUESTS.items():
            reply = wire.ask(asked)
            assert b" 200 " in reply.head, reply.raw
            (RECORDED / f"{name}.http").write_bytes(reply.raw)
            print(name, len(reply.body), "bytes in", len(reply.parts), "parts")


if __name__ == "__main__":
    main()
