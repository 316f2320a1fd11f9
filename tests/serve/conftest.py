"""One real Ollama for all tests of this folder. Where there is none they fail, never skip."""

from collections.abc import Iterator

import pytest
from tests.ollama.serving import RealOllama, serving


@pytest.fixture(scope="session")
def ollama() -> Iterator[RealOllama]:
    with serving() as ollama:
        yield ollama
