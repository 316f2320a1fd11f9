"""What is asked of an engine and what it answers. Durations in ms, sizes in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

# "json" lets the model invent any JSON; a schema (a mapping) is faster and binds it.
Format = Literal["json"] | Mapping[str, Any]
# False switches thinking off; a word is a depth, for models that know depths.
Think = bool | Literal["low", "medium", "high"]

OLLAMA_MAX_LOGPROBS = 20


# --- asked ----------------------------------------------------------------------------------


@frozen
class GenerateRequest:
    """One prompt to complete.

    `raw` sends the prompt past the model's template; `system` must then be None. `options` is
    `options.frozen_options(...)` plus `num_predict`. `top_logprobs` > 0 asks for log-probabilities
    of each token and that many alternatives; an engine refuses more than its `max_logprobs`.
    `logprob_tokens` asks an engine with more than Ollama's log-probabilities for those of these
    texts' first tokens as the next one, and nothing is generated; needs `top_logprobs`.
    """

    model: str
    prompt: str
    system: str | None = None
    raw: bool = False
    format: Format | None = None
    options: Mapping[str, Any] = {}
    keep_alive: str | int | None = None
    images: tuple[bytes, ...] = ()
    top_logprobs: int = 0
    think: Think = False
    logprob_tokens: tuple[str, ...] = ()


@frozen
class Message:
    """One turn of a chat. A last message of role `assistant` is a beginning to continue."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[bytes, ...] = ()


@frozen
class ChatRequest:
    """A chat to continue. Fields as in `GenerateRequest`."""

    model: str
    messages: tuple[Message, ...]
    format: Format | None = None
    options: Mapping[str, Any] = {}
    keep_alive: str | int | None = None
    top_logprobs: int = 0
    think: Think = False


# --- answered -------------------------------------------------------------------------------


@frozen
class TokenLogprobs:
    """One token as it was sampled: natural logarithms, `top` the likeliest first."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@frozen
class Finish:
    """How an answer ended and what it took.

    `done_reason` is stop, length (the cap was reached), load or unload. `load_ms` includes
    waiting for a slot; `prompt_tokens` includes tokens whose state was reused.
    """

    done_reason: str
    prompt_tokens: int
    tokens: int
    load_ms: float
    prompt_ms: float
    decode_ms: float
    total_ms: float


@frozen
class Chunk:
    """A piece of a streamed answer. The last one, and only it, carries `finish`."""

    text: str
    thinking: str = ""
    logprobs: tuple[TokenLogprobs, ...] = ()
    finish: Finish | None = None


@frozen
class Generation(Finish):
    """A whole answer."""

    text: str
    logprobs: tuple[TokenLogprobs, ...]
    thinking: str


@frozen
class EngineVersion:
    """`max_logprobs` is how many alternatives a token the engine gives (Ollama: 20);
    `keeps_prompts` says that it keeps the state of several prompts at once.
    """

    version: str
    max_logprobs: int = OLLAMA_MAX_LOGPROBS
    keeps_prompts: bool = False


@frozen
class ModelTag:
    """A model the engine has. `modified_at` is the engine's text (RFC 3339)."""

    name: str
    model: str
    digest: str
    size: int
    modified_at: str
    details: Mapping[str, Any] = {}


@frozen
class RunningModel:
    """A model in memory. `size_vram` is the part of `size` that lies on a GPU."""

    name: str
    digest: str
    size: int
    size_vram: int
    expires_at: str
    context_length: int | None
