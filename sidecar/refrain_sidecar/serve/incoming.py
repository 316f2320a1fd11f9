"""A request as it came, and the policy that its address names."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen
from starlette.types import Receive, Scope, Send

from refrain_sidecar.serve import policy
from refrain_sidecar.serve.policy import Policy
from refrain_sidecar.serve.stored import Headers


@frozen(eq=False)
class Incoming:
    """`path`, and `raw_path` with its query, are upstream's: without the policy `by_path`."""

    method: str
    path: str
    raw_path: bytes
    headers: Headers
    by_name: Mapping[bytes, bytes]
    by_path: Policy | None
    receive: Receive
    send: Send

    @classmethod
    def of(cls, scope: Scope, receive: Receive, send: Send) -> Incoming:
        by_path, path = policy.of_path(scope["path"])
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        if by_path is not None:
            raw_path = raw_path[1 + len(by_path) :] or b"/"
        if scope["query_string"]:
            raw_path += b"?" + scope["query_string"]
        headers: Headers = scope["headers"]
        return cls(scope["method"], path, raw_path, headers, dict(headers), by_path, receive, send)
