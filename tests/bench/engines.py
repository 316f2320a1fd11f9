"""The engines a bench can run on, and how many requests reach one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast, get_args

import httpx
from tests.ollama.serving import MODEL, serving

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings

EngineName = Literal["embedded", "ollama"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

_ASKED = ("/api/generate", "/api/chat")


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


class Requests(logging.Handler):
    """Counts what is asked of models in this process, by what httpx logs of every request."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        # "HTTP Request: %s %s …" of method and address.
        if isinstance(record.args, tuple) and len(record.args) > 1:
            url = cast(httpx.URL, record.args[1])
            self._seen += url.path in _ASKED

    def since(self) -> int:
        """How many there were since this was last asked."""
        seen, self._seen = self._seen, 0
        return seen


@contextmanager
def counting_requests() -> Iterator[Requests]:
    """Count while this block runs."""
    log, requests = logging.getLogger("httpx"), Requests()
    before, log.propagate = log.level, False
    log.setLevel(logging.INFO)
    log.addHandler(requests)
    try:
        yield requests
    finally:
        log.removeHandler(requests)
        log.setLevel(before)
        log.propagate = True
