"""`refrain mcp` in a folder of its own, and the SDK's own client on its stdio."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

SERVER = [sys.executable, "-m", "refrain_sidecar.cli", "mcp"]
# How clients open: by a question since 2026-07-28, by a handshake before.
Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")

# A model of any size has soon ended it.
COLOUR = """---
output:
  type: string
  enum: [red, green, blue]
---
Name the colour in: ${text}
"""

Connect = Callable[..., AbstractAsyncContextManager[Client]]


def workspace(folder: Path, base_url: str, **inference: Any) -> Path:
    """`folder` with a configuration whose Ollama is the embedded engine at `base_url`."""
    (folder / "config").mkdir()
    sections = {
        "inference": {"base_url": base_url, "num_threads": 1, **inference},
        "networking": {"first_token_timeout": 600, "token_timeout": 600},
        "caching": {"cache_dir": "./cache"},
    }
    (folder / "config" / "perf_config.json").write_text(json.dumps(sections))
    recipes = folder / ".refrain" / "recipes"
    recipes.mkdir(parents=True)
    return folder


def write_recipe(folder: Path, name: str, text: str) -> Path:
    path = folder / ".refrain" / "recipes" / f"{name}.recipe.md"
    path.write_text(text)
    return path


@pytest.fixture
def folder(tmp_path: Path, open_url: str) -> Path:
    made = workspace(tmp_path, open_url)
    write_recipe(made, "colour", COLOUR)
    return made


@pytest.fixture
def connect(folder: Path) -> Connect:
    """A client of a server started in the folder."""

    @asynccontextmanager
    async def connected(era: Era = "auto", **how: Any) -> AsyncIterator[Client]:
        server = StdioServerParameters(
            command=SERVER[0], args=SERVER[1:], cwd=folder, env=dict(os.environ)
        )
        async with Client(server, mode=era, **how) as client:
            yield client

    return connected


def text_of(result: Any) -> str:
    """The text twin of a tool's answer."""
    assert [part.type for part in result.content] == ["text"]
    text: str = result.content[0].text
    return text
