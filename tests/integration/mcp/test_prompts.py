"""Recipes as prompts: listed with what they ask for, given filled in, told of when they change."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import PromptListChangedNotification
from tests.integration.mcp.conftest import ERAS, Connect, Era, write_recipe

TALK = """---
description: A letter
argument-hint: what it is about
---
## system
You write letters.

## user
Are you ready?

## assistant
Yes.

## user
About ${text}, from ${fileBasename}, to ${input:who:the reader}.
"""


@pytest.mark.parametrize("era", ERAS)
async def test_a_recipe_is_a_prompt(connect: Connect, folder: Path, era: Era) -> None:
    write_recipe(folder, "letter", TALK)
    write_recipe(folder, "broken", "---\nnonsense: 1\n---\n${text}")
    given = {"text": "${file} rain", "file": "notes/a.txt", "who": "Ada"}
    async with connect(era) as client:
        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        got = await client.get_prompt("letter", given)
        with pytest.raises(MCPError, match=r"\$\{input:who\} cannot be filled") as caught:
            await client.get_prompt("letter", {"text": "rain", "file": "a.txt"})
        with pytest.raises(MCPError, match="There is no recipe 'absent'"):
            await client.get_prompt("absent")
        with pytest.raises(MCPError, match="cannot be run"):
            await client.get_prompt("broken", given)

    assert caught.value.code == -32602
    assert {"letter", "colour", "translate"} <= prompts.keys()
    assert "broken" not in prompts
    asked = prompts["letter"].arguments or []
    assert [(one.name, one.description, one.required) for one in asked] == [
        ("text", "what it is about", True),
        ("file", "the file that the text is from", True),
        ("who", "the reader", True),
    ]
    said: list[Any] = [(message.role, message.content) for message in got.messages]
    assert [(role, content.text) for role, content in said] == [
        ("user", "You write letters."),
        ("user", "Are you ready?"),
        ("assistant", "Yes."),
        ("user", "About ${file} rain, from a.txt, to Ada."),
    ]


async def test_a_client_of_the_handshake_hears_of_a_new_recipe(
    connect: Connect, folder: Path
) -> None:
    changed = asyncio.Event()

    async def hear(message: Any) -> None:
        if isinstance(message, PromptListChangedNotification):
            changed.set()

    async with connect("legacy", message_handler=hear) as client:
        before = await client.list_prompts()
        write_recipe(folder, "letter", TALK)
        await asyncio.wait_for(changed.wait(), 60)
        after = await client.list_prompts()
    assert len(after.prompts) == len(before.prompts) + 1


async def test_a_client_that_listens_hears_of_a_changed_recipe(
    connect: Connect, folder: Path
) -> None:
    async with connect() as client, client.listen(prompts_list_changed=True) as changes:
        (folder / ".refrain" / "recipes" / "colour.recipe.md").unlink()
        async with asyncio.timeout(60):
            await anext(aiter(changes))
        prompts = (await client.list_prompts()).prompts
    assert "colour" not in {prompt.name for prompt in prompts}
