"""Settings that point at the embedded engine and a cache of this test's own."""

from pathlib import Path

import pytest

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.inference.models import installed


@pytest.fixture(scope="session", autouse=True)
def _model_installed() -> None:
    """Real inference is what these tests are for, so a missing model fails them, never skips."""
    assert installed() is not None, "The model is missing: run `make models`."


@pytest.fixture
def embedded_settings(tmp_path: Path) -> Settings:
    return Settings(
        inference=InferenceSettings(engine="embedded", num_threads=1),
        caching=CacheSettings(cache_dir=tmp_path / "cache"),
    )
