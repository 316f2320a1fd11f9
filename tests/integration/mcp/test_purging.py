"""Purging asks the person where the host can, else it takes a second call that says so."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client
from mcp_types import ElicitRequestFormParams, ElicitResult
from tests.integration.mcp.conftest import ERAS, Connect, Era, text_of

EVERYTHING = {"everything": True}


async def fill(client: Client) -> None:
    result = await client.call_tool("run_recipe", {"recipe": "colour", "text": "A red sky."})
    assert not result.is_error


async def entries(client: Client) -> int:
    counted: int = (await client.call_tool("stats", {})).structured_content["entries"]
    return counted


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("action", "left"), [("accept", 0), ("decline", 1), ("cancel", 1)])
async def test_a_person_who_can_be_asked_decides(
    connect: Connect, era: Era, action: Any, left: int
) -> None:
    questions: list[str] = []

    async def answer(_: Any, question: Any) -> ElicitResult:
        assert isinstance(question, ElicitRequestFormParams)
        questions.append(question.message)
        return ElicitResult(action=action, content={} if action == "accept" else None)

    async with connect(era, elicitation_callback=answer) as client:
        await fill(client)
        # A model cannot answer in the person's stead.
        result = await client.call_tool("purge", {**EVERYTHING, "confirm": True})
        assert await entries(client) == left
        nothing = await client.call_tool("purge", {"kind": "absent"})

    assert not result.is_error
    assert questions[0].startswith("Purge 1 entry (")
    assert result.structured_content["dryRun"] is (left == 1)
    assert ("purged." in text_of(result)) is (left == 0)
    # Nobody is asked about nothing.
    assert len(questions) == 1
    assert nothing.structured_content["entries"] == 0


@pytest.mark.parametrize("era", ERAS)
async def test_a_host_that_cannot_ask_says_that_it_is_meant(connect: Connect, era: Era) -> None:
    async with connect(era) as client:
        await fill(client)
        first = await client.call_tool("purge", EVERYTHING)
        assert text_of(first).startswith("1 entry (")
        assert "confirm: true" in text_of(first)
        assert first.structured_content["dryRun"] is True
        dry = await client.call_tool("purge", {**EVERYTHING, "dryRun": True, "confirm": True})
        assert "Nothing was purged." in text_of(dry)
        assert await entries(client) == 1
        second = await client.call_tool("purge", {**EVERYTHING, "confirm": True})
        assert second.structured_content["entries"] == 1
        assert second.structured_content["dryRun"] is False
        assert await entries(client) == 0


async def test_what_has_expired_goes_unasked(connect: Connect) -> None:
    async with connect() as client:
        await fill(client)
        result = await client.call_tool("purge", {"expired": True})
        assert result.structured_content["dryRun"] is False
        assert await entries(client) == 1
