"""Programs that talk to Ollama work through the proxy as without it, and get the same again.

Each of `scripts/` makes one client's normal calls at BASE_URL and prints one line of JSON: `texts`
by call, the number of `chunks` of each streamed one, `embeddings`, `whole` answers as the client
gives them, and what goes `through`. They are installed apart, by `make .tools/clients/.installed`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.ollama.serving import MODEL, RealOllama
from tests.serve.clients.conftest import Proxy

SCRIPTS = sorted(
    path for path in (Path(__file__).parent / "scripts").iterdir() if path.suffix in (".py", ".mjs")
)
CLIENTS = Path(__file__).parents[3] / ".tools" / "clients"
PYTHON = CLIENTS / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
DIMENSIONS = 576
# A run of the command says neither temperature nor seed: its model's own settings do.
BY_ADDRESS = {"ollama_command": "/all"}


def said(script: Path, url: str, ollama: RealOllama, home: Path) -> dict[str, Any]:
    """What one script prints that asks `url`."""
    assert PYTHON.exists(), "The clients are missing: run `make .tools/clients/.installed`."
    done = subprocess.run(
        [PYTHON if script.suffix == ".py" else "node", script],
        env={
            **os.environ,
            "BASE_URL": url,
            "MODEL": MODEL,
            # Each asks in its own words, so that none is answered by what another asked.
            "ASK": f"I am {script.stem.replace('_', ' ')}. Say hello.",
            "CLIENTS": str(CLIENTS),
            "OLLAMA": str(ollama.binary),
            "LLM_USER_PATH": str(home),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def form(value: Any) -> Any:
    """The form of a value: names and types; of a list, which forms its items have."""
    if isinstance(value, dict):
        return {name: form(item) for name, item in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(form(item), sort_keys=True) for item in value})
    return type(value).__name__


def difference(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: now[name] - before[name] for name in now}


def assert_answered(said: dict[str, Any]) -> None:
    texts = said["texts"]
    assert all(texts.values())
    for call, number in said.get("chunks", {}).items():
        assert number > 1
        assert texts[call] == texts[call.removesuffix("_streamed")]
    assert {len(vector) for vector in said.get("embeddings", [])} <= {DIMENSIONS}


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_a_client_works_and_is_replayed(
    script: Path, ollama: RealOllama, proxy: Proxy, tmp_path: Path
) -> None:
    direct = said(script, ollama.base_url, ollama, tmp_path)
    through = proxy.url + BY_ADDRESS.get(script.stem, "")
    missed = 0
    for _ in range(3):
        begun = proxy.counts()
        first = said(script, through, ollama, tmp_path)
        asked = difference(proxy.counts(), begun)
        missed += asked["misses"]
        known = proxy.hits_by_client()
        begun = proxy.counts()
        second = said(script, through, ollama, tmp_path)
        replayed = difference(proxy.counts(), begun)
        # On a busy machine a look at the models takes too long, and what came is not kept.
        if not replayed["misses"]:
            break

    statuses = [one.pop("cache_status", None) for one in (direct, first, second)]
    assert statuses[0] is None
    assert statuses[1] in (None, "refrain; fwd=miss", "refrain; hit")
    assert statuses[2] == (None if statuses[1] is None else "refrain; hit")
    assert_answered(direct)
    assert_answered(first)
    assert form(first) == form(direct)
    assert first.get("through") == direct.get("through")
    assert second == first
    # Some ask the same twice: an answer at once is a stream put together.
    assert missed
    assert not asked["passed"]
    every = asked["hits"] + asked["misses"]
    assert every >= len(first["texts"])
    assert replayed == {"hits": every, "misses": 0, "passed": 0}
    more = {name for name, hits in proxy.hits_by_client().items() if hits > known.get(name, 0)}
    assert more
    assert "unnamed" not in more
