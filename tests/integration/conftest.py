"""Settings that point at the embedded engine and a cache of this test's own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    """The address of `refrain models serve`: an engine that asks nobody for a key, as Ollama."""
    config = tmp_path_factory.mktemp("open") / "config" / "perf_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"inference": {"num_threads": 1, "num_ctx": 1024}}))
    command = [sys.executable, "-m", "refrain_sidecar.cli", "--config", str(config)]
    with subprocess.Popen(
        [*command, "models", "serve", "--port", "0"], stdout=subprocess.PIPE, encoding="utf-8"
    ) as serving:
        assert serving.stdout is not None
        try:
            yield serving.stdout.readline().split()[1].rstrip(".")
        finally:
            serving.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
