"""A web service's reply, in hand and as it is kept."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import httpx
from attrs import asdict, frozen

from refrain_sidecar.http.errors import ApiError


@frozen
class ApiReply:
    """A successful reply (2xx). `url` is what answered, after redirects, without its query."""

    status: int
    content_type: str
    url: str
    body: bytes

    def text(self) -> str:
        """The body in the charset it names, else UTF-8."""
        return httpx.Response(
            self.status, headers={"content-type": self.content_type}, content=self.body
        ).text

    def json(self) -> Any:
        """The body as JSON. Raises ApiError when it is not."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ApiError(
                f"{self.url} answered with {self.content_type or 'no type'}, not JSON ({error}). "
                "Check the address, or read it as text.",
                status=self.status,
            ) from error


def without_secrets(url: httpx.URL) -> str:
    """The address without what may hold a token: user, password and query."""
    return str(url.copy_with(userinfo=b"", query=None))


def in_hand(response: httpx.Response) -> ApiReply:
    """A whole reply. A query may hold a token, so it is left out."""
    return ApiReply(
        status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        url=without_secrets(response.url),
        body=response.content,
    )


def to_store(reply: ApiReply) -> dict[str, Any]:
    """A reply as it is kept: JSON, so the body is base64."""
    return asdict(reply) | {"body": b64encode(reply.body).decode("ascii")}


def from_store(stored: dict[str, Any]) -> ApiReply:
    """The reply that was kept."""
    return ApiReply(**(stored | {"body": b64decode(stored["body"])}))
