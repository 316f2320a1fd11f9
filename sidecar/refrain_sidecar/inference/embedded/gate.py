"""Only this machine may ask: a loopback Host, and no Origin but a loopback one.

A page on the web can make a browser send requests to 127.0.0.1, by its own scripts or by a host
name that resolves there. Both are told by their headers.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from refrain_sidecar.http.loopback import is_loopback

log = logging.getLogger(__name__)

# Pages an editor shows in its own windows; the web cannot claim these schemes.
_EDITOR_SCHEMES = frozenset({"vscode-webview", "vscode-file"})


class LoopbackOnly:
    """Answers 403 with an empty body, as Ollama does, to any request from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host, origin = headers.get("host", ""), headers.get("origin")
            if not is_loopback_host(host) or not (origin is None or is_local_origin(origin)):
                log.warning("refused a request for host %r from origin %r", host, origin)
                await Response(status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


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
