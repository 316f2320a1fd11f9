"""A web service's reply, in hand and as it is kept."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any, TypedDict

import httpx
from attrs import frozen

from refrain_sidecar.http.errors import ApiError


class StoredReply(TypedDict):
    """A reply as it is kept: JSON, so the body is base64; the address without its query."""

    status: int
    content_type: str
    url: str
    body: str


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


def to_store(response: httpx.Response) -> StoredReply:
    """A whole reply as it is kept. A query may hold a token, so it is left out."""
    return StoredReply(
        status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        url=without_secrets(response.url),
        body=b64encode(response.content).decode("ascii"),
    )


def from_store(stored: StoredReply) -> ApiReply:
    """The reply that was kept."""
    return ApiReply(
        stored["status"], stored["content_type"], stored["url"], b64decode(stored["body"])
    )
