from __future__ import annotations

import pytest

from refrain_sidecar.inference.ollama.messages import ModelTag
from refrain_sidecar.inference.reaching.names import find


def tag(name: str) -> ModelTag:
    return ModelTag(name, name, f"digest of {name}", 1, "")


TAGS = (
    tag("llama3.2:3b"),
    tag("gemma3:latest"),
    tag("team/own:latest"),
    tag("hub.example:5000/team/own:latest"),
    tag("hf.co/Bartowski/Qwen3-4B-GGUF:Q4_K_M"),
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("llama3.2:3b", "llama3.2:3b"),
        ("Llama3.2:3B", "llama3.2:3b"),
        ("library/llama3.2:3b", "llama3.2:3b"),
        ("registry.ollama.ai/library/llama3.2:3b", "llama3.2:3b"),
        ("gemma3", "gemma3:latest"),
        ("gemma3:latest", "gemma3:latest"),
        ("registry.ollama.ai/team/own", "team/own:latest"),
        ("hub.example:5000/team/own", "hub.example:5000/team/own:latest"),
        ("hf.co/bartowski/qwen3-4b-gguf:q4_k_m", "hf.co/Bartowski/Qwen3-4B-GGUF:Q4_K_M"),
        ("llama3.2", None),
        ("gemma", None),
        ("own", None),
        ("team/gemma3", None),
        ("", None),
    ],
)
def test_what_ollama_adds_may_be_left_out_and_nothing_else(asked: str, found: str | None) -> None:
    match = find(TAGS, asked)

    assert (match and match.name) == found
