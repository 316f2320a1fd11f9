"""Which of Ollama's models is taken where none is named. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from refrain_sidecar.inference.ollama.messages import ModelTag
from refrain_sidecar.inference.reaching.names import same_model


@frozen
class Pick:
    """A model, and in words why it is taken before those that follow."""

    tag: ModelTag
    why: str


def in_order(
    tags: Sequence[ModelTag], *, held: str | None, loaded: Collection[str], last: str | None
) -> list[Pick]:
    """`tags`, the one to take first.

    `held` is what this process has asked until now: to change the model under it would make
    every stored answer a miss. Then comes what is `loaded`, then the `last` one used, then the
    one that was modified last.
    """

    def reasons(tag: ModelTag) -> tuple[bool, bool, bool, float]:
        return (
            held is not None and same_model(tag.name, held),
            any(same_model(tag.name, name) for name in loaded),
            last is not None and same_model(tag.name, last),
            _moment(tag.modified_at),
        )

    def why(tag: ModelTag) -> str:
        _, is_loaded, was_last, _ = reasons(tag)
        if is_loaded:
            return "it is loaded"
        return "it was used last" if was_last else "it was modified last"

    return [Pick(tag, why(tag)) for tag in sorted(tags, key=reasons, reverse=True)]


def can_write(shown: Mapping[str, Any]) -> bool:
    """Whether the model that /api/show describes writes text, and on that machine."""
    if shown.get("remote_host") or shown.get("remote_model"):
        return False
    capabilities = shown.get("capabilities")
    if isinstance(capabilities, list):
        return "completion" in capabilities
    # Before 0.6.4 Ollama does not say. It tells embedding models by this key itself.
    return not any(key.endswith(".pooling_type") for key in shown.get("model_info") or {})


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
