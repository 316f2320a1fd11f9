"""What a client is sent: an answer's beginning, its parts, its end, and errors of our own."""

from __future__ import annotations

from starlette.types import Send

from refrain_sidecar.serve.endpoints import error_body
from refrain_sidecar.serve.stored import Headers


class BrokenOffError(Exception):
    """Raised into the server once an answer has begun: it closes the connection unfinished."""


async def begin(
    send: Send, status: int, headers: Headers, note: str | None, origin: bytes | None = None
) -> None:
    """Send an answer's head. `note` says what the cache did; page `origin` may read it."""
    given = list(headers)
    if note is not None:
        given.append((b"cache-status", b"refrain; " + note.encode()))
    if origin is not None:
        given += [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
    await send({"type": "http.response.start", "status": status, "headers": given})


async def more(send: Send, chunk: bytes) -> None:
    """Send a part of the body."""
    if chunk:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def end(send: Send) -> None:
    """The answer is complete."""
    await send({"type": "http.response.body", "body": b""})


async def fail(send: Send, status: int, path: str, message: str, note: str) -> None:
    """An error in the form of the API that `path` belongs to."""
    body = error_body(path, message)
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await _whole(send, status, headers, body, note)


async def refuse(send: Send, status: int, path: str, *, browser: bool) -> None:
    """Let nobody in. A `browser` is told to ask its user for a key."""
    headers: Headers = []
    body = b""
    if status == 401:
        how = b'Basic realm="Refrain"' if browser else b"Bearer"
        body = error_body(path, "unauthorized")
        headers += [(b"www-authenticate", how), (b"content-type", b"application/json")]
    headers.append((b"content-length", str(len(body)).encode()))
    await _whole(send, status, headers, body, None)


async def _whole(send: Send, status: int, headers: Headers, body: bytes, note: str | None) -> None:
    await begin(send, status, headers, note)
    await more(send, body)
    await end(send)
