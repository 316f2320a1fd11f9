"""A call that is cancelled, or whose client leaves, stops the model and keeps nothing."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import anyio
import httpx
import pytest
from tests.integration.embedded.test_cancelling import until_busy, until_idle
from tests.integration.mcp.conftest import ERAS, SERVER, Connect, Era, write_recipe

MOST = 900
# A text the model may not end before the context is full.
ENDLESS = f"""---
options:
  num_predict: {MOST}
output:
  type: array
  items: {{type: string}}
  minItems: 400
---
List words for ${{text}}.
"""


@pytest.mark.parametrize("era", ERAS)
async def test_cancelling_stops_the_model(
    connect: Connect, folder: Path, open_url: str, era: Era
) -> None:
    write_recipe(folder, "endless", ENDLESS)
    asked = {"recipe": "endless", "text": "rain"}
    async with httpx.AsyncClient(base_url=open_url) as engine, connect(era) as client:
        async with anyio.create_task_group() as calls:
            calls.start_soon(client.call_tool, "run_recipe", asked)
            await until_busy(engine, decoded=5)
            calls.cancel_scope.cancel()
        idle = await until_idle(engine)
        stats = (await client.call_tool("stats", {})).structured_content
        # The same lookup can be made at once: its lease was given back.
        other = await client.call_tool("run_recipe", {"recipe": "colour", "text": "rain"})

    assert idle["next_token"][0]["n_decoded"] < MOST
    assert stats["entries"] == 0
    assert other.structured_content["outcome"] == "miss"


async def test_leaving_in_the_midst_of_a_call_ends_it_and_the_server(
    folder: Path, open_url: str
) -> None:
    write_recipe(folder, "endless", ENDLESS)
    call = (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
        '"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
        '{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
        '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"run_recipe",'
        '"arguments":{"recipe":"endless","text":"rain"}}}\n'
    )
    process = await asyncio.create_subprocess_exec(
        *SERVER, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(call.encode())
    async with httpx.AsyncClient(base_url=open_url) as engine:
        await until_busy(engine, decoded=5)
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 30) == 0
        assert (await until_idle(engine))["next_token"][0]["n_decoded"] < MOST
