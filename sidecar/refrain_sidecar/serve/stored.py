"""Answers as they are kept, and as they are sent again: byte for byte, line by line. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import frozen

Headers = list[tuple[bytes, bytes]]

# RFC 9110, 7.6.1: they concern one connection only.
_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# They answer one client's origin, which is not the next one's.
_ONE_CLIENTS: Final = (b"access-control-", b"set-cookie", b"vary", b"date")
_LINE_ENDS: Final = {b"application/x-ndjson": b"\n", b"text/event-stream": b"\n\n"}


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers without those that concern one connection only."""
    given = [(name.lower(), value) for name, value in headers]
    named = {
        part.strip().lower()
        for name, value in given
        if name == b"connection"
        for part in value.split(b",")
    }
    return [pair for pair in given if pair[0] not in _HOP_BY_HOP and pair[0] not in named]


def for_anyone(headers: Headers) -> Headers:
    """Headers without those that answer the one client that asked first."""
    return [pair for pair in headers if not pair[0].startswith(_ONE_CLIENTS)]


@frozen
class Answer:
    """A whole answer of upstream's. `tokens` it took; `at` is when it came, seconds since 1970."""

    headers: Headers
    body: bytes
    tokens: int
    at: float

    def to_store(self) -> dict[str, Any]:
        """As JSON. What is no UTF-8 is kept in base64."""
        try:
            body: Any = self.body.decode()
        except UnicodeDecodeError:
            body = {"base64": base64.b64encode(self.body).decode()}
        headers = [
            [name.decode("latin-1"), value.decode("latin-1")]
            for name, value in for_anyone(self.headers)
        ]
        return {"headers": headers, "body": body, "tokens": self.tokens, "at": self.at}

    @classmethod
    def from_store(cls, value: Mapping[str, Any]) -> Answer:
        """Raises KeyError, TypeError, ValueError or AttributeError for another's value."""
        body = value["body"]
        raw = body.encode() if isinstance(body, str) else base64.b64decode(body["base64"])
        headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in value["headers"]]
        return cls(headers, raw, int(value["tokens"]), float(value["at"]))

    def chunks(self) -> Iterator[bytes]:
        """The body in the pieces the engine sent: clients may take each for a line."""
        kind = next((value for name, value in self.headers if name == b"content-type"), b"")
        end = _LINE_ENDS.get(kind.partition(b";")[0].strip())
        if end is None:
            yield self.body
            return
        at = 0
        while at < len(self.body):
            found = self.body.find(end, at)
            after = len(self.body) if found < 0 else found + len(end)
            yield self.body[at:after]
            at = after
