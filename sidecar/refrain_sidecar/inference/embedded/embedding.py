"""/api/embed and /api/embeddings: texts as vectors."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from refrain_sidecar.inference.embedded.failures import ContextExceeded
from refrain_sidecar.inference.embedded.llama import LlamaServer, Loading
from refrain_sidecar.inference.embedded.requests import EmbedBody
from refrain_sidecar.inference.embedded.residency import Residency


async def embed(
    residency: Residency, loading: Loading, asked: EmbedBody, keep_alive: float
) -> Mapping[str, Any]:
    """The answer to /api/embed: one vector a text. Raises EngineFailure 400 for a text too long.

    llama.cpp embeds with another set-up than it generates with, so taking turns between the two
    reloads the model.
    """
    started = time.perf_counter_ns()
    async with residency.use(evolve(loading, embedding=True), keep_alive) as server:
        load_ns = time.perf_counter_ns() - started
        texts = [await _fitting(server, text, asked.truncate) for text in asked.texts]
        vectors = await server.embed(texts) if texts else []
    return {
        "model": asked.model,
        "embeddings": [_shortened(vector, asked) for vector in vectors],
        "total_duration": time.perf_counter_ns() - started,
        "load_duration": load_ns,
        "prompt_eval_count": sum(map(len, texts)),
    }


async def _fitting(server: LlamaServer, text: str, truncate: bool) -> list[int]:
    tokens = await server.tokenize(text)
    if len(tokens) > server.loading.num_ctx:
        if not truncate:
            raise ContextExceeded
        tokens = tokens[: server.loading.num_ctx]
    return tokens


def _shortened(vector: Sequence[float], asked: EmbedBody) -> list[float]:
    kept = vector[: asked.dimensions] if asked.dimensions else vector
    length = (asked.unit and math.hypot(*kept)) or 1.0
    return [value / length for value in kept]
