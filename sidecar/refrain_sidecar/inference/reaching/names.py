"""When two names mean one model, by Ollama's rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from refrain_sidecar.inference.ollama.messages import ModelTag

# What Ollama adds where it is left out (types/model/name.go there).
_BEFORE = ("registry.ollama.ai", "library")
_TAG = "latest"


def same_model(one: str, other: str) -> bool:
    """Whether both name one model; case and what Ollama adds to a name make no difference."""
    return _whole(one) == _whole(other)


def find(tags: Iterable[ModelTag], model: str) -> ModelTag | None:
    """The first of `tags` that `model` names."""
    named = (tag for tag in tags if same_model(tag.name, model) or same_model(tag.model, model))
    return next(named, None)


def _whole(name: str) -> str:
    *before, last = name.casefold().split("/")
    model, _, tag = last.partition(":")
    left_out = _BEFORE[: max(0, len(_BEFORE) - len(before))]
    return "/".join([*left_out, *before, f"{model}:{tag or _TAG}"])
