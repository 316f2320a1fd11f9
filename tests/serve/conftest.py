"""One real engine of each kind for the tests of this folder. Where one is missing they fail."""

from collections.abc import Iterator

import pytest
from tests.embedded_serving import embedded_serving
from tests.ollama.serving import RealOllama, serving

from refrain_sidecar.inference.models import installed


@pytest.fixture(scope="session")
def ollama() -> Iterator[RealOllama]:
    with serving() as ollama:
        yield ollama


@pytest.fixture(scope="session")
def embedded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded engine that asks nobody for a key."""
    assert installed() is not None, "The model is missing: run `make models`."
    with embedded_serving(tmp_path_factory.mktemp("embedded")) as url:
        yield url


@pytest.fixture(params=["ollama", "embedded"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """The address of an engine, of each in turn."""
    if request.param == "embedded":
        return str(request.getfixturevalue("embedded_url"))
    ollama: RealOllama = request.getfixturevalue("ollama")
    return ollama.base_url
