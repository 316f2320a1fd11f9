"""Pools of connections: to this machine without a look at the environment, else as that says."""

from __future__ import annotations

from typing import Any

import httpx

from refrain_sidecar.http.repeating import RepeatableError


def pool(*, loopback: bool, refused: type[RepeatableError], **options: Any) -> httpx.AsyncClient:
    """A client with `options` of httpx. Raises `refused` for a proxy that cannot be used."""
    try:
        return httpx.AsyncClient(trust_env=not loopback, **options)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise refused(
            f"The environment's proxy or certificates cannot be used ({error}). Correct or unset "
            "ALL_PROXY, HTTP_PROXY, HTTPS_PROXY or SSL_CERT_FILE."
        ) from error
