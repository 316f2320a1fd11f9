"""What is found out once about engines and models, kept in small files beside the answers."""

from __future__ import annotations

import json
import logging
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from attrs import asdict
from cattrs import BaseValidationError, Converter

from refrain_cache import CacheSettings, resolve_cache_dir
from refrain_cache.settings import DATABASE_NAME
from refrain_sidecar.config.replacing import replace_text

log = logging.getLogger("refrain.inference")

_CONVERTER = Converter()
# Bytes; a leaning, the largest of them, takes 20,000.
_LARGEST = 1_000_000

T = TypeVar("T")


class Remembered:
    """Reads and keeps frozen classes by a name and what they depend on.

    What cannot be read, or is not as it was written, was never known, and what cannot be written is
    left out: then it is found out again. A file is the SHA-256 of its second line, and JSON.
    """

    def __init__(self, caching: CacheSettings) -> None:
        self._caching = caching

    def read(self, name: str, depends_on: Any, kind: type[T]) -> T | None:
        """None if it was never known, or cannot be read, or nothing is to be kept."""
        if not self._caching.enabled:
            return None
        try:
            path = self._path(name, depends_on)
            # Others may never end: a pipe, a device.
            if not path.is_file():
                return None
            with path.open("rb") as file:
                digest, _, value = file.read(_LARGEST).partition(b"\n")
            if sha256(value).hexdigest().encode() != digest:
                raise ValueError("it is not as it was written")
            return _CONVERTER.structure(json.loads(value), kind)
        # RuntimeError: nested too deep, or `~` of nobody.
        except (OSError, ValueError, RuntimeError, BaseValidationError) as error:
            log.info("What was found out about the %s cannot be read: %s", name, error)
            return None

    def keep(self, name: str, depends_on: Any, value: Any) -> None:
        """Remember `value` where that is new."""
        if not self._caching.enabled or self.read(name, depends_on, type(value)) == value:
            return
        try:
            text = json.dumps(asdict(value))
            digest = sha256(text.encode()).hexdigest()
            replace_text(self._path(name, depends_on), f"{digest}\n{text}")
        except (OSError, ValueError, RuntimeError) as error:
            log.info("What was found out about the %s cannot be remembered: %s", name, error)

    def _path(self, name: str, depends_on: Any) -> Path:
        short = sha256(json.dumps(depends_on).encode()).hexdigest()[:16]
        return resolve_cache_dir(self._caching.cache_dir) / f"{DATABASE_NAME}-{name}-{short}"
