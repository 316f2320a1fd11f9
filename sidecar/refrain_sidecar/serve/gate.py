"""Who may ask the proxy: this machine's programs, and others only with a key."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from refrain_sidecar.inference.embedded.gate import is_local_origin, is_loopback_host

# Ollama's own variable: who has opened Ollama to a page has opened this too.
_ORIGINS: Final = "OLLAMA_ORIGINS"
# Programs send the same few in all their requests.
_is_loopback: Final = lru_cache(maxsize=64)(is_loopback_host)


class Gate:
    """Refuses what a page on the web, or a stranger without a key, sends.

    With `keys` every request brings one, and then any Host will do: a page that resolves its own
    name to this machine does not know a key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]
        self._origins = [part.strip() for part in os.environ.get(_ORIGINS, "").split(",")]

    @property
    def demands_key(self) -> bool:
        """Whether a request has to bring a key."""
        return bool(self._keys)

    def refusal(self, headers: Mapping[bytes, bytes]) -> int | None:
        """The status to refuse a request with, 403 or 401; None lets it in."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and not (is_local_origin(origin) or self._is_allowed(origin)):
            return 403
        if not self._keys:
            host = headers.get(b"host", b"").decode("latin-1")
            return None if _is_loopback(host) else 403
        given = _keys_in(headers)
        # All are compared, so that the time tells nothing.
        matching = [secrets.compare_digest(one, key) for one in given for key in self._keys]
        return None if any(matching) else 401

    def _is_allowed(self, origin: str) -> bool:
        return any(fnmatchcase(origin, pattern) for pattern in self._origins if pattern)


def _keys_in(headers: Mapping[bytes, bytes]) -> list[bytes]:
    found = [headers[b"x-api-key"]] if b"x-api-key" in headers else []
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        found.append(rest.strip())
    elif scheme.lower() == b"basic":
        # A browser asks its user; the name is not looked at.
        with suppress(binascii.Error, ValueError):
            found.append(base64.b64decode(rest, validate=True).partition(b":")[2])
    return found
