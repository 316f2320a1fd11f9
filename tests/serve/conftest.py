"""One real Ollama for all tests of this folder. Where there is none they fail, never skip."""

from collections.abc import Iterator

import pytest
from tests.ollama import serving as real
from tests.ollama.serving import RealOllama

# The weights of the tests' model on one thread: beside other work two would wait for each other.
MODEL = "single:latest"


@pytest.fixture(scope="session")
def ollama() -> Iterator[RealOllama]:
    with real.serving() as ollama:
        ollama.create(MODEL, f"FROM {real.MODEL}\nPARAMETER num_thread 1\n")
        yield ollama
