"""The real engine with the real small model, spoken to over plain HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from refrain_sidecar.inference.embedded.process import KEY_VARIABLE
from refrain_sidecar.inference.models import manifest

KEY = "a key of the tests' own"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Where engine and weights are."""
    return manifest.data_dir()


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """An embedded engine of the module's own, started as its parent starts it."""
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "refrain_sidecar.inference.embedded"),
            *("--threads", "1", "--ctx", "1024", "--parent", str(os.getpid())),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, KEY_VARIABLE: KEY},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    yield json.loads(child.stdout.readline())["base_url"]
    child.stdin.close()
    rest = child.stdout.read()
    child.stdout.close()
    assert child.wait() == 0
    assert rest == b"", "only the ready line may reach stdout"


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client of that engine."""
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=300) as client:
        yield client
