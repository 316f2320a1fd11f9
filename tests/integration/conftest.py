"""Settings that point at the embedded engine and a cache of this test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.embedded_serving import embedded_serving

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, NetworkingSettings, Settings
from refrain_sidecar.inference.models import installed


@pytest.fixture(scope="session", autouse=True)
def _model_installed() -> None:
    """Real inference is what these tests are for, so a missing model fails them, never skips."""
    assert installed() is not None, "The model is missing: run `make models`."


@pytest.fixture
def embedded_settings(tmp_path: Path) -> Settings:
    return embedded(tmp_path / "cache")


def embedded(cache_dir: Path) -> Settings:
    """The embedded engine on one thread, waited for as long as a busy machine takes."""
    return Settings(
        inference=InferenceSettings(engine="embedded", num_threads=1),
        networking=NetworkingSettings(first_token_timeout=600, token_timeout=600),
        caching=CacheSettings(cache_dir=cache_dir),
    )


@pytest.fixture(scope="module")
def open_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine that asks nobody for a key."""
    with embedded_serving(tmp_path_factory.mktemp("open")) as url:
        yield url
