"""What is found out once about engines and models, kept in small files beside the answers."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, TypeVar

from attrs import asdict
from cattrs import BaseValidationError, Converter

from refrain_cache import CacheSettings, resolve_cache_dir
from refrain_cache.settings import DATABASE_NAME
from refrain_sidecar.config.replacing import replace_text

log = logging.getLogger("refrain.inference")

_CONVERTER = Converter()

T = TypeVar("T")


class Remembered:
    """Reads and keeps frozen classes by a name and what they depend on.

    What cannot be read was never known, and what cannot be written is left out: then it is found
    out again.
    """

    def __init__(self, caching: CacheSettings) -> None:
        self._caching = caching

    def read(self, name: str, depends_on: Any, kind: type[T]) -> T | None:
        """None if it was never known, or cannot be read, or nothing is to be kept."""
        if not self._caching.enabled:
            return None
        try:
            text = self._path(name, depends_on).read_text("utf-8")
            return _CONVERTER.structure(json.loads(text), kind)
        except FileNotFoundError:
            return None
        # RuntimeError: nested too deep, or `~` of nobody.
        except (OSError, ValueError, RuntimeError, BaseValidationError) as error:
            log.info("What was found out about the %s cannot be read: %s", name, error)
            return None

    def keep(self, name: str, depends_on: Any, value: Any) -> None:
        """Remember `value` where that is new."""
        if not self._caching.enabled or self.read(name, depends_on, type(value)) == value:
            return
        try:
            replace_text(self._path(name, depends_on), json.dumps(asdict(value)))
        except (OSError, ValueError, RuntimeError) as error:
            log.info("What was found out about the %s cannot be remembered: %s", name, error)

    def _path(self, name: str, depends_on: Any) -> Path:
        short = hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()[:16]
        return resolve_cache_dir(self._caching.cache_dir) / f"{DATABASE_NAME}-{name}-{short}"
