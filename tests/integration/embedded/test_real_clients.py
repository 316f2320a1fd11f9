"""Clients that other people use work against the engine as they do against Ollama.

They are installed by `make test-python`, apart from everything else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

HERE = Path(__file__).parent
CLIENTS = HERE.parents[2] / ".tools" / "clients"
PYTHON = CLIENTS / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
MODEL = "smollm2:135m"
SCHEMA = {
    "type": "object",
    "properties": {
        "feeling": {"type": "string", "enum": ["happy", "sad", "angry"]},
        "cause": {"type": "string", "maxLength": 20},
    },
    "required": ["feeling", "cause"],
}

Ask = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def ask(open_url: str) -> Ask:
    """Runs one of the scripts in clients/; what it printed."""

    def run(script: str) -> dict[str, Any]:
        path = HERE / "clients" / script
        assert PYTHON.exists(), "The clients are missing: run `make test-python`."
        command = [str(PYTHON), str(path)] if path.suffix == ".py" else ["node", str(path)]
        done = subprocess.run(
            [*command, open_url, json.dumps(SCHEMA), str(CLIENTS)],
            capture_output=True,
            text=True,
            # litellm looks its prices up on the network unless told not to.
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))

    return run


def assert_answered(said: dict[str, Any]) -> None:
    """What every client must get: text, the same text in a stream, JSON under the schema."""
    assert said["generate"]
    assert said["generate_streamed"] == said["generate"]
    assert said["chat"]
    assert said["chat_streamed"] == said["chat"]
    fastjsonschema.validate(SCHEMA, json.loads(said["structured"]))
    assert said["embedding"] == 576
    assert "model 'nope:1b' not found" in said["unknown"]


def test_ollama_of_pypi(ask: Ask) -> None:
    said = ask("ollama_python.py")
    assert_answered(said)
    assert said["list"] == said["ps"] == [MODEL]
    assert said["show"] == "llama"
    assert said["pull"] == "success"
    assert said["unknown"].startswith("404")


def test_ollama_of_npm(ask: Ask) -> None:
    said = ask("ollama_js.mjs")
    assert_answered(said)
    assert said["list"] == said["ps"] == [MODEL]
    assert said["show"] == "llama"
    assert said["pull"].splitlines()[-1] == "success"
    assert said["aborted"] == "AbortError"
    assert said["unknown"].startswith("404")


def test_langchain_ollama(ask: Ask) -> None:
    assert_answered(ask("langchain_python.py"))


def test_litellm(ask: Ask) -> None:
    said = ask("litellm_python.py")
    assert_answered(said)
    assert said["show"] == MODEL


def test_openai(ask: Ask) -> None:
    said = ask("openai_python.py")
    assert_answered(said)
    assert said["list"] == [said["show"]] == [MODEL]
    assert 0 < said["usage"] <= 40
    assert said["respond"]
    assert said["respond_streamed"] == said["respond"]
    assert (said["events"][0], said["events"][-1]) == ("response.created", "response.completed")
    assert "does not support tools" in said["tools"]


def test_anthropic(ask: Ask) -> None:
    said = ask("anthropic_python.py")
    assert said["chat"]
    assert said["chat_streamed"] == said["chat"]
    assert said["usage"]
    assert said["stop_reason"] in ("end_turn", "max_tokens")
    assert "model 'nope:1b' not found" in said["unknown"]
