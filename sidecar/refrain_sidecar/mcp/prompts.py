"""Recipes as prompts: a host's user picks one, and the host's own model answers it."""

from __future__ import annotations

from collections.abc import Mapping

import mcp_types as types

from refrain_sidecar.enrichment.recipes.definition import Definition, Given
from refrain_sidecar.enrichment.recipes.template import OF_TEXT
from refrain_sidecar.protocol import RecipeInfo


def prompt(recipe: RecipeInfo) -> types.Prompt:
    """A recipe that can be run, as hosts list it."""
    asked: dict[str, str] = {}
    if OF_TEXT.intersection(recipe.variables):
        asked["text"] = recipe.argument_hint or "the text to run it on"
    if not {"file", "fileBasename"}.isdisjoint(recipe.variables):
        asked["file"] = "the file that the text is from"
    for each in recipe.inputs:
        asked.setdefault(each.name, each.hint)
    return types.Prompt(
        name=recipe.name,
        description=recipe.description or None,
        arguments=[
            types.PromptArgument(name=name, description=hint or None, required=True)
            for name, hint in asked.items()
        ],
    )


def conversation(recipe: Definition, given: Mapping[str, str]) -> list[types.PromptMessage]:
    """The recipe filled in. A prompt has no system's part: the user says it first.

    Raises InputRefused naming what is not given.
    """
    _, messages = recipe.filled(Given(given.get("text"), given.get("file"), given))
    return [
        types.PromptMessage(
            role="assistant" if message.role == "assistant" else "user",
            content=types.TextContent(type="text", text=message.content),
        )
        for message in messages
    ]
