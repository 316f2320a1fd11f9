"""One real Ollama for all tests of this folder. Where there is none they fail, never skip."""

from collections.abc import Iterator

import pytest
from tests.ollama.serving import RealOllama, serving

from refrain_sidecar.inference.reaching import to_ollama


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that runs is found, however busy the machine is."""
    monkeypatch.setattr(to_ollama, "LOOK_LONGEST_S", 60.0)


@pytest.fixture(scope="session")
def ollama() -> Iterator[RealOllama]:
    with serving() as ollama:
        yield ollama
