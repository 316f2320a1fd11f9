"""The errors that verbs raise on purpose, as faces with a wire tell them."""

from __future__ import annotations

from attrs import frozen

from refrain_cache import CacheUnavailableError
from refrain_sidecar import protocol
from refrain_sidecar.config import ConfigError
from refrain_sidecar.enrichment import EnrichmentError, InputRefused
from refrain_sidecar.inference.errors import InferenceError


@frozen
class Refusal:
    """`code` is JSON-RPC's, `name` short and stable: for programs. People read the error's text."""

    code: int
    name: str


def refused(error: BaseException) -> Refusal | None:
    """What to tell of `error`; None of one that nobody raised on purpose."""
    match error:
        case InferenceError():
            return Refusal(protocol.ENGINE_ERROR, error.code)
        case EnrichmentError():
            return Refusal(protocol.ENGINE_ERROR, "answer_unusable")
        case InputRefused():
            return Refusal(protocol.INPUT_ERROR, "input_refused")
        case CacheUnavailableError():
            return Refusal(protocol.INPUT_ERROR, "cache_not_in_use")
        case ConfigError():
            return Refusal(protocol.CONFIG_ERROR, "config_wrong")
    return None
