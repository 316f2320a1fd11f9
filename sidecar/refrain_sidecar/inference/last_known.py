"""What an engine is known by, remembered on disk for the time when it is away."""

from __future__ import annotations

from attrs import frozen

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference.remembered import Remembered
from refrain_sidecar.protocol import EngineName


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
        self._configuration = [inference.engine, inference.base_url, inference.model]
        self._remembered = Remembered(settings.caching)

    def read(self) -> Identity | None:
        """None if that was never known, or cannot be read, or no answers are kept."""
        return self._remembered.read("engine", self._configuration, Identity)

    def keep(self, identity: Identity) -> None:
        """Remember `identity` where that is new. What cannot be written is left out."""
        self._remembered.keep("engine", self._configuration, identity)
