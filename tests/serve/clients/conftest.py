"""A real Ollama, and the proxy in front of it as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from attrs import frozen
from tests.ollama.serving import RealOllama
from tests.ollama.workspaces import REFRAIN, workspace


@frozen
class Proxy:
    """A `refrain serve` that runs."""

    url: str

    def counts(self) -> dict[str, int]:
        """How many requests were hits, misses, or passed on, since it began."""
        totals = self._figures()["totals"]
        return {name: totals[name] for name in ("hits", "misses", "passed")}

    def hits_by_client(self) -> dict[str, int]:
        """How many of each client's requests were hits."""
        return {row["name"]: row["hits"] for row in self._figures()["clients"]}

    def _figures(self) -> dict[str, Any]:
        reply = httpx.get(f"{self.url}/refrain/figures", trust_env=False).raise_for_status()
        return dict(reply.json())


@pytest.fixture(scope="session")
def proxy(ollama: RealOllama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    config = workspace(folder, ollama)
    with (folder / "stderr").open("w+b") as stderr:
        serve = subprocess.Popen(
            [*REFRAIN, "serve", "--port", "0", "--upstream", ollama.base_url],
            cwd=folder,
            env={**os.environ, "REFRAIN_CONFIG": str(config)},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        assert serve.stdout is not None
        try:
            found = re.match(r"Serving (\S+) ", serve.stdout.readline())
            assert found, (folder / "stderr").read_text("utf-8")
            yield Proxy(found[1])
        finally:
            serve.send_signal(signal.SIGTERM)
            serve.communicate(timeout=60)
        said = (folder / "stderr").read_text("utf-8")
        assert serve.returncode == 0, said
        assert "Traceback" not in said
