"""One generation: from a checked request to pieces of text and how it ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from attrs import frozen

from refrain_sidecar.inference.embedded import logprobs
from refrain_sidecar.inference.embedded.failures import ContextExceeded, EngineFailure
from refrain_sidecar.inference.embedded.llama import LlamaServer
from refrain_sidecar.inference.embedded.options import sampling
from refrain_sidecar.inference.embedded.requests import Common
from refrain_sidecar.inference.embedded.schema import check_for, enforced
from refrain_sidecar.inference.embedded.scoring import Prompt, scores

# Kept free for the answer when a prompt has to be cut: a quarter of the context, as a prompt that
# fills it would leave no room for a single token.
_ANSWER_SHARE = 4


@frozen
class Piece:
    """Some text, and the log-probabilities of its tokens (Ollama's shape) if they were wanted."""

    text: str
    logprobs: tuple[Mapping[str, Any], ...]


@frozen
class Finish:
    """How it ended: `reason` is stop or length; durations in ns.

    `prompt_tokens` includes those whose state was still in memory, as Ollama's count does.
    """

    reason: str
    prompt_tokens: int
    prompt_ns: int
    tokens: int
    decode_ns: int


def completion_body(request: Common) -> dict[str, Any]:
    """The llama.cpp completion body for `request`, without the prompt. Raises EngineFailure 400."""
    # prompt progress is reported so that a request can be cancelled while its prompt is read.
    body = {**sampling(request.options), "cache_prompt": True, "return_progress": True}
    if request.format is not None:
        body["json_schema"] = enforced(request.format, free_blanks=request.free_blanks)
    if request.top_logprobs is not None:
        # At least one: the token's own log-probability comes only with a list.
        body["n_probs"] = max(request.top_logprobs, 1)
    return body


def check_request(request: Common) -> None:
    """Raises EngineFailure 400 for options or a schema that no engine could follow."""
    body = completion_body(request)
    if "json_schema" in body:
        check_for(body["json_schema"])


async def generation(
    server: LlamaServer, prompt: str, request: Common
) -> AsyncGenerator[Piece | Finish, None]:
    """Pieces, then one Finish. Closing it cancels the work. Raises EngineFailure.

    A request with `logprob_tokens` generates nothing: its one piece has no text, and scores.
    """
    make = _scored if request.logprob_tokens else _run
    try:
        async with aclosing(make(server, prompt, request)) as events:
            async for event in events:
                yield event
        return
    except ContextExceeded:
        if not request.truncate:
            raise
    kept = await _cut(server, prompt, request)
    async with aclosing(make(server, kept, request)) as events:
        async for event in events:
            yield event


async def _scored(
    server: LlamaServer, prompt: Prompt, request: Common
) -> AsyncGenerator[Piece | Finish, None]:
    likeliest, words, end = await scores(server, prompt, request.logprob_tokens)
    yield Piece("", ({**logprobs.entry(likeliest, 0), "top_logprobs": words},))
    yield _finish(end)


async def _run(
    server: LlamaServer, prompt: Prompt, request: Common
) -> AsyncGenerator[Piece | Finish, None]:
    body = {**completion_body(request), "prompt": prompt}
    check = check_for(body["json_schema"]) if "json_schema" in body else None
    text = ""
    async with server.completion(body) as events:
        async for event in events:
            if "prompt_progress" in event:
                continue
            entries: tuple[Mapping[str, Any], ...] = ()
            if request.top_logprobs is not None:
                entries = tuple(
                    logprobs.entry(probability, request.top_logprobs)
                    for probability in event.get("completion_probabilities", ())
                )
            if event["content"] or entries:
                text += event["content"]
                yield Piece(event["content"], entries)
            if event["stop"]:
                # A text that was cut short says so by its reason and cannot be valid yet.
                if check is not None and event["stop_type"] != "limit":
                    check(text)
                yield _finish(event)
                return
    raise EngineFailure(500, "llama.cpp ended its answer without saying why")


def _finish(event: Mapping[str, Any]) -> Finish:
    timings = event["timings"]
    return Finish(
        reason="length" if event["stop_type"] == "limit" else "stop",
        prompt_tokens=event["tokens_evaluated"],
        prompt_ns=int(timings["prompt_ms"] * 1e6),
        tokens=event["tokens_predicted"],
        decode_ns=int(timings["predicted_ms"] * 1e6),
    )


async def _cut(server: LlamaServer, prompt: str, request: Common) -> list[int]:
    """The prompt's tokens without those in the middle that do not fit, as Ollama cuts them."""
    tokens = await server.tokenize(prompt)
    room = server.loading.num_ctx - server.loading.num_ctx // _ANSWER_SHARE
    head = min(max(sampling(request.options)["n_keep"], 0), room // 2)
    return tokens[:head] + tokens[len(tokens) - (room - head) :]
