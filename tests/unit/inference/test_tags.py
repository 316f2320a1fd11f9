from __future__ import annotations

import pytest

from refrain_sidecar.inference.ollama.client import find_tag
from refrain_sidecar.inference.ollama.messages import ModelTag


def tag(name: str) -> ModelTag:
    return ModelTag(name, name, f"digest of {name}", 1, "")


TAGS = (tag("llama3.2:3b"), tag("gemma3:latest"), tag("hub.example:5000/team/own:latest"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("llama3.2:3b", "llama3.2:3b"),
        ("gemma3", "gemma3:latest"),
        ("gemma3:latest", "gemma3:latest"),
        ("hub.example:5000/team/own", "hub.example:5000/team/own:latest"),
        ("llama3.2", None),
        ("gemma", None),
    ],
)
def test_latest_may_be_left_out_and_nothing_else(asked: str, found: str | None) -> None:
    match = find_tag(TAGS, asked)

    assert (match and match.name) == found
