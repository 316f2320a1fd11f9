"""HTTP/1.1 read by httptools, in half the time that h11 takes, and as strict about what has no end.

Importing it raises ImportError where httptools is not installed: it is native, so the extension
cannot bundle it for every Python.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Of one request's headers: what Ollama allows is a megabyte, what clients send a few kilobytes.
HEADER_BYTES: Final = 64 * 1024


class QuickHttp(HttpToolsProtocol):
    """The parser keeps what is not complete, however long; here it has a limit.

    What comes behind a body (trailers) is dropped, as h11 does: it would be taken for headers that
    nobody has looked at.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = False
        # Bytes since a head, a part of a body or a request was complete.
        self._pending = 0

    def data_received(self, data: bytes) -> None:
        self._pending += len(data)
        super().data_received(data)
        if self._pending > HEADER_BYTES and not self.transport.is_closing():
            self.send_400_response("Headers too long.")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._pending = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending = 0
        super().on_message_complete()
