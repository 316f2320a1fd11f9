"""How the server's own methods read params and refuse: plain objects in, clean errors out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams

from refrain_sidecar.protocol.wire import from_wire, to_wire
from refrain_sidecar.service.refusals import refused

T = TypeVar("T")
Handler = Callable[[Any], Awaitable[Any]]
Verb = Callable[..., Awaitable[Any]]


def structured(cls: type[T], params: Any) -> T:
    """`params` as `cls`. Raises JsonRpcInvalidParams naming what is wrong."""
    try:
        return from_wire(cls, params)
    except ValueError as error:
        raise JsonRpcInvalidParams(str(error)) from error


def handler(params_class: type | None, verb: Verb) -> Handler:
    """A request handler: structure the params, call the verb, put the result on the wire.

    Errors become JSON-RPC errors whose message is for people; no traceback leaves the process.
    """

    async def handle(params: Any) -> Any:
        arguments = () if params_class is None else (structured(params_class, params),)
        try:
            return to_wire(await verb(*arguments))
        except Exception as error:
            raise refusal(error) from error

    return handle


def refusal(error: Exception) -> JsonRpcException:
    """The JSON-RPC error for `error`; `data.code` is a short stable name for programs."""
    if isinstance(error, JsonRpcException):
        return error
    if known := refused(error):
        return JsonRpcException(str(error), known.code, {"code": known.name})
    return JsonRpcInternalError(f"{type(error).__name__}: {error}")
