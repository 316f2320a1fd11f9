"""How likely the model finds each of given words as the next one, exactly and at once.

llama.cpp lists the likeliest tokens or the whole vocabulary, which as JSON takes 0.3 to 1 s. So
the words asked for are lifted above all others and the list cut after them: one forward pass more,
a short list. The lift changes the sum that probabilities are shares of, by a factor which one
token seen both with and without it tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from refrain_sidecar.inference.embedded.failures import EngineFailure
from refrain_sidecar.inference.embedded.llama import LlamaServer

# Far above the spread of a model's logits (some 50), and small enough that 32-bit sums keep five
# digits: checked against the whole vocabulary, the error is below 2e-5.
_LIFT = 100.0
# A share too small for a 32-bit number comes as 0; this is the smallest such number.
_LEAST_SHARE = 1e-45
_ONE_TOKEN = {"n_predict": 1, "ignore_eos": True, "cache_prompt": True, "return_progress": True}

Prompt = str | Sequence[int]
Event = Mapping[str, Any]


async def scores(
    server: LlamaServer, prompt: Prompt, words: Sequence[str]
) -> tuple[Event, list[dict[str, Any]], Event]:
    """The likeliest next token, the words' scores, and llama.cpp's closing event.

    For each word, in order: `token` (the word) and `logprob`, that of its first token right after
    `prompt`: a natural logarithm over the whole vocabulary, before any sampling. Raises
    EngineFailure.
    """
    ids = await server.first_tokens(words)
    plain, end = await _next_token(server, {**_ONE_TOKEN, "prompt": prompt, "n_probs": 1})
    anchor = plain["top_logprobs"][0]
    wanted = {*ids.values(), anchor["id"]}
    lifted, _ = await _next_token(
        server,
        {
            **_ONE_TOKEN,
            "prompt": prompt,
            "n_probs": len(wanted),
            "post_sampling_probs": True,
            # No sampler but the lift itself: the shares are those of the model.
            "samplers": [],
            "temperature": 1.0,
            "logit_bias": [[token, _LIFT] for token in sorted(wanted)],
        },
    )
    found = {
        share["id"]: math.log(max(share["prob"], _LEAST_SHARE)) for share in lifted["top_probs"]
    }
    factor = anchor["logprob"] - found[anchor["id"]]
    scored = [{"token": word, "logprob": found[ids[word]] + factor} for word in words]
    return anchor, scored, end


async def _next_token(server: LlamaServer, body: Mapping[str, Any]) -> tuple[Event, Event]:
    probabilities: list[Event] = []
    end: Event | None = None
    async with server.completion(body) as events:
        async for event in events:
            probabilities.extend(event.get("completion_probabilities", ()))
            if event.get("stop"):
                end = event
    if not probabilities or end is None:
        raise EngineFailure(500, "llama.cpp gave no probabilities for the next token")
    return probabilities[0], end
