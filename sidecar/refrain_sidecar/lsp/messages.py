"""How the server's own methods read params and refuse: plain objects in, clean errors out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams

from refrain_cache import CacheUnavailableError
from refrain_sidecar import protocol
from refrain_sidecar.config import ConfigError
from refrain_sidecar.enrichment import EnrichmentError, InputRefused
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.protocol.wire import from_wire, to_wire

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
    match error:
        case JsonRpcException():
            return error
        case InferenceError():
            return JsonRpcException(str(error), protocol.ENGINE_ERROR, {"code": error.code})
        case EnrichmentError():
            return JsonRpcException(str(error), protocol.ENGINE_ERROR, {"code": "answer_unusable"})
        case InputRefused():
            return JsonRpcException(str(error), protocol.INPUT_ERROR, {"code": "input_refused"})
        case CacheUnavailableError():
            return JsonRpcException(str(error), protocol.INPUT_ERROR, {"code": "cache_not_in_use"})
        case ConfigError():
            return JsonRpcException(str(error), protocol.CONFIG_ERROR, {"code": "config_wrong"})
        case _:
            return JsonRpcInternalError(f"{type(error).__name__}: {error}")
