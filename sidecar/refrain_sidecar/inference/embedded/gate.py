"""Who may ask, and how much at once: loopback only, with the key if there is one, bodies limited.

A page on the web can make a browser send requests to 127.0.0.1, by its own scripts or by a host
name that resolves there. Both are told by their headers. Another user of this machine is told by
not knowing the key.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from refrain_sidecar.http.loopback import is_loopback
from refrain_sidecar.inference.embedded.failures import EngineFailure
from refrain_sidecar.inference.embedded.replies import error_reply

log = logging.getLogger(__name__)

# A photograph in base64 fits, so that its sender hears that this model sees none. The longest text
# the model can take in is far shorter: 8192 tokens of at most 81 bytes.
MAX_BODY_BYTES = 16 * 1024 * 1024
# A client that is still sending when its connection closes sees a reset instead of the answer, so
# the rest of a refused body is read and dropped, for at most so long.
DROP_FOR_S = 5.0
# Pages an editor shows in its own windows; the web cannot claim these schemes.
_EDITOR_SCHEMES = frozenset({"vscode-webview", "vscode-file"})


class Gate:
    """Refuses as Ollama does: 403 without a body from elsewhere, 401 and 413 with an `error`."""

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (refusal := self._refusal(Headers(scope=scope))) is not None:
            await _drop_body(receive)
            await refusal(scope, receive, send)
        else:
            await self._app(scope, _limited(receive), send)

    def _refusal(self, headers: Headers) -> Response | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_loopback_host(host) or not (origin is None or is_local_origin(origin)):
            log.warning("refused a request for host %r from origin %r", host, origin)
            return Response(status_code=403)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self._key is not None and not (
            scheme.lower() == "bearer"
            and secrets.compare_digest(given.strip().encode("latin-1"), self._key.encode())
        ):
            log.warning("refused a request without the right key")
            refusal = error_reply(EngineFailure(401, "unauthorized"))
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        return None


def _limited(receive: Receive) -> Receive:
    """`receive`, which raises EngineFailure 413 once more than MAX_BODY_BYTES have come."""
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            await _drop_body(receive)
            raise EngineFailure(413, f"the request body is larger than {MAX_BODY_BYTES} bytes")
        return message

    return take


async def _drop_body(receive: Receive) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(DROP_FOR_S):
            while (await receive()).get("more_body"):
                pass


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine's loopback."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)


def is_local_origin(origin: str) -> bool:
    """Whether an Origin header names a page of this machine or of an editor."""
    parts = urlsplit(origin)
    if parts.scheme in _EDITOR_SCHEMES:
        return True
    return parts.scheme in ("http", "https") and is_loopback_host(parts.netloc)
