"""How many requests reach models."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import httpx

_ASKED = ("/api/generate", "/api/chat")


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
