"""What an engine is known by, remembered on disk for the time when it is away."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from attrs import asdict, frozen
from cattrs import BaseValidationError, Converter

from refrain_cache import resolve_cache_dir
from refrain_cache.settings import DATABASE_NAME
from refrain_sidecar.config.replacing import replace_text
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.protocol import EngineName

log = logging.getLogger("refrain.inference")

_CONVERTER = Converter()


@frozen
class Identity:
    """What of an engine belongs in every fingerprint; `digest` is that of the model's content."""

    name: EngineName
    model: str
    digest: str
    version: str


class LastKnown:
    """What the engine of one configuration last was, in a file beside the answers it gave.

    A file for each configuration, so that two processes never undo each other's writing.
    """

    def __init__(self, settings: Settings) -> None:
        inference = settings.inference
        wanted = json.dumps([inference.engine, inference.base_url, inference.model])
        self._name = f"{DATABASE_NAME}-engine-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
        self._caching = settings.caching

    def read(self) -> Identity | None:
        """None if that was never known, or cannot be read, or no answers are kept."""
        if not self._caching.enabled:
            return None
        try:
            return _CONVERTER.structure(json.loads(self._path().read_text("utf-8")), Identity)
        except FileNotFoundError:
            return None
        # RuntimeError: nested too deep, or `~` of nobody.
        except (OSError, ValueError, RuntimeError, BaseValidationError) as error:
            log.info("What the engine last was cannot be read: %s", error)
            return None

    def keep(self, identity: Identity) -> None:
        """Remember `identity` where that is new. What cannot be written is left out."""
        if not self._caching.enabled or self.read() == identity:
            return
        try:
            replace_text(self._path(), json.dumps(asdict(identity)))
        except (OSError, ValueError, RuntimeError) as error:
            log.info("What the engine is cannot be remembered: %s", error)

    def _path(self) -> Path:
        return resolve_cache_dir(self._caching.cache_dir) / self._name
