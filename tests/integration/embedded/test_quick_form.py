"""The real weights in their quick form say what they say as they were fetched."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from refrain_sidecar.inference.embedded.llama import LlamaServer, Loading
from refrain_sidecar.inference.models import installed
from refrain_sidecar.inference.models.quick_form import loadable

LOADING = Loading(num_ctx=512, num_thread=1)
BEGINNINGS = ("I lost my job today and feel", "The sun was warm and", "In the morning the dog")


async def nexts(model: Path) -> list[dict[str, float]]:
    """What may follow each beginning: token → log-probability."""
    server = await LlamaServer.load(model, LOADING)
    found = []
    try:
        for beginning in BEGINNINGS:
            body = {"prompt": beginning, "n_predict": 1, "n_probs": 300, "temperature": 0}
            async with server.completion(body) as events:
                told = [e async for e in events if e.get("completion_probabilities")]
            ranked = told[0]["completion_probabilities"][0]["top_logprobs"]
            found.append({each["token"]: each["logprob"] for each in ranked})
    finally:
        await server.unload()
    return found


async def test_the_quick_form_gives_every_token_the_same_chance(tmp_path: Path) -> None:
    found = installed()
    assert found is not None
    assert loadable(found.weights).adapter is not None, "it is in use"
    plain = tmp_path / "as fetched.gguf"
    plain.symlink_to(found.weights)
    for quick, slow in zip(await nexts(found.weights), await nexts(plain), strict=True):
        assert max(quick, key=lambda it: quick[it]) == max(slow, key=lambda it: slow[it])
        divergence = sum(
            math.exp(p) * (p - quick.get(token, min(quick.values()))) for token, p in slow.items()
        )
        # With the adapter left out it is 10 nats; requantised, half a nat.
        assert divergence == pytest.approx(0, abs=0.05)
