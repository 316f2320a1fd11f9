"""JSON-RPC as the sidecar speaks it: whatever comes in, each request gets one plain answer."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import re
from typing import Any, BinaryIO

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol

LOG = logging.getLogger("refrain")

# At the end of a line, because a body may be longer than it was said to be; up to 100 MB.
_LENGTH = re.compile(rb"Content-Length: *(\d{1,8})\r?\n\Z", re.IGNORECASE)
_LONGEST_LINE = 1 << 16


def read_body(reader: BinaryIO) -> bytes | None:
    """The body of the next message, None at the end of the stream.

    What stands between messages is skipped, so one wrong length costs no more than its neighbours.
    """
    length = 0
    while line := reader.readline(_LONGEST_LINE):
        if found := _LENGTH.search(line):
            length = int(found[1])
        elif length and not line.strip():
            return reader.read(length)
    return None


class Protocol(LanguageServerProtocol):
    """pygls' protocol behind a door that only well-formed messages pass."""

    def receive(self, body: bytes) -> None:
        """Begin to handle one message. Refusals go out under its id, if it has one we can use."""
        msg_id: Any = None
        asked = True
        try:
            message = _parsed(body)
            if "method" not in message and ("result" in message or "error" in message):
                return  # The sidecar asks the client nothing.
            asked = "id" in message
            msg_id = _id(message)
            method = message.get("method")
            if message.get("jsonrpc") != self.VERSION or not isinstance(method, str):
                raise JsonRpcInvalidRequest(
                    'A message needs "jsonrpc": "2.0" and a "method" that is a string.'
                )
            self._admit(method)
            params = self._params(method, message)
        except JsonRpcException as error:
            if asked:
                self._send_response(msg_id, error=error.to_response_error())
            else:
                LOG.warning("A notification was ignored: %s", error)
            return
        context = contextvars.copy_context()
        if asked:
            context.run(self._handle_request, msg_id, method, params)
        else:
            context.run(self._handle_notification, method, params)

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        if type(msg_id) in (str, int):  # lsprotocol lets others through
            super()._handle_cancel_notification(msg_id)

    def _admit(self, method: str) -> None:
        if self._shutdown and method != types.EXIT:
            raise JsonRpcInvalidRequest("The sidecar is shutting down.")
        if method == types.INITIALIZE and self._workspace is not None:
            raise JsonRpcInvalidRequest("The sidecar has been initialized already.")
        if method not in (types.INITIALIZE, types.EXIT) and self._workspace is None:
            raise JsonRpcServerNotInitialized("Send `initialize` first.")

    def _params(self, method: str, message: dict[str, Any]) -> Any:
        """LSP's own as its classes, ours as the JSON it is."""
        if (kind := self.get_message_type(method)) is None:
            return message.get("params")
        try:
            if not isinstance(message.get("params", {}), dict | None):
                raise ValueError("params: expected an object")
            return self._converter.structure(message, kind).params
        except Exception as error:
            # Until something is wrong, nobody waits for our own messages to load.
            from refrain_sidecar.protocol.wire import reasons

            raise JsonRpcInvalidParams("; ".join(reasons(error))) from error

    # --- where pygls would leave something open -----------------------------------------------

    def cancel_others(self) -> None:
        """Cancel all requests but the one being served: at `shutdown` pygls fails to."""
        mine: Any = asyncio.current_task()
        for msg_id, future in list(self._request_futures.items()):
            if msg_id != self.msg_id and future is not mine:
                future.cancel()

    def _execute_handler(
        self, msg_id: Any, handler: Any, callback: Any, args: Any = None, kwargs: Any = None
    ) -> None:
        """Forget what has ended, which pygls does for plain requests only."""

        def ended(future: Any) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, ended, args, kwargs)

    def _send_data(self, data: Any) -> None:
        # An editor that reads no more has gone: the end of stdin is on its way.
        with contextlib.suppress(BrokenPipeError):
            super()._send_data(data)

    def _send_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        """Without pygls' classes, which take longer than a hit, and without its tracebacks."""
        answer: dict[str, Any] = {"jsonrpc": self.VERSION, "id": msg_id}
        if error is None:
            answer["result"] = result
        else:
            answer["error"] = {"code": error.code, "message": error.message}
            if error.data is not None and "traceback" not in error.data:
                answer["error"]["data"] = error.data
        self._send_data(answer)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise JsonRpcParseError(f"The message is not JSON: {error}") from error
    if not isinstance(message, dict):
        kind = type(message).__name__
        raise JsonRpcInvalidRequest(
            f"A message is one JSON object, not a {kind}: LSP has no batches."
        )
    return message


def _id(message: dict[str, Any]) -> str | int | None:
    msg_id = message.get("id")
    if "id" in message and type(msg_id) not in (str, int):
        raise JsonRpcInvalidRequest("The id of a request must be a string or a whole number.")
    return msg_id
