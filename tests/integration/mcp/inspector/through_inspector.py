"""The server under the protocol's own inspector, a client of other people: `make inspector`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.mcp.conftest import SERVER

INSPECTOR = Path(__file__).parents[4] / ".tools/inspector/node_modules/.bin/mcp-inspector"


def inspect(folder: Path, method: str, *arguments: str) -> Any:
    """What it prints of one request to a server of its own."""
    run = subprocess.run(
        [str(INSPECTOR), "--cli", *SERVER, "--method", method, *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.stdout, run.stderr
    return json.loads(run.stdout)


def call(folder: Path, tool: str, **arguments: str) -> Any:
    given = [
        part for name, value in arguments.items() for part in ("--tool-arg", f"{name}={value}")
    ]
    return inspect(folder, "tools/call", "--tool-name", tool, *given)


def test_tools_and_prompts_are_seen(folder: Path) -> None:
    tools = [tool["name"] for tool in inspect(folder, "tools/list")["tools"]]
    assert tools == ["enrich", "run_recipe", "list_recipes", "stats", "explain", "purge"]
    prompts = inspect(folder, "prompts/list")["prompts"]
    assert "colour" in {prompt["name"] for prompt in prompts}
    asked = ("--prompt-name", "translate", "--prompt-args", "text=Hello", "language=French")
    last = inspect(folder, "prompts/get", *asked)["messages"][-1]
    assert last["content"]["text"] == "Translate this text to French:\n\nHello"


def test_a_recipe_runs_once_in_two_servers(folder: Path) -> None:
    first, again = (call(folder, "run_recipe", recipe="colour", text="A red sky.") for _ in "12")
    assert first["structuredContent"]["outcome"] == "miss"
    assert (again["structuredContent"]["outcome"], again["structuredContent"]["tier"]) == (
        "hit",
        "disk",
    )
    assert again["content"] == first["content"]


def test_a_purge_waits_until_it_is_confirmed(folder: Path) -> None:
    call(folder, "run_recipe", recipe="colour", text="A red sky.")
    asked = call(folder, "purge", everything="true")
    done = call(folder, "purge", everything="true", confirm="true")
    assert asked["structuredContent"]["dryRun"] is True
    assert done["structuredContent"]["entries"] == 1


def test_what_is_wrong_is_told(folder: Path) -> None:
    assert call(folder, "run_recipe", recipe="absent", text="a")["isError"]
