"""The engines a bench can run on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from tests.ollama.serving import MODEL, serving

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings

EngineName = Literal["embedded", "ollama"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@contextmanager
def engine_settings(name: EngineName, caching: CacheSettings) -> Iterator[Settings]:
    """Settings for the embedded engine, or for a real Ollama that serves within this block.

    Raises NoOllama, OllamaFailed.
    """
    if name == "embedded":
        yield Settings(InferenceSettings(engine="embedded"), caching)
        return
    with serving() as ollama:
        # One thread: Ollama's own spin, and beside any other work two are slower than one.
        yield Settings(
            InferenceSettings(
                engine="ollama", base_url=ollama.base_url, model=MODEL, num_threads=1
            ),
            caching,
        )
