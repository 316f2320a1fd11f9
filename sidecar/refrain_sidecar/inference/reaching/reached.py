"""An engine that has answered, and the model it is to answer with."""

from __future__ import annotations

from attrs import frozen

from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import EngineVersion, ModelTag
from refrain_sidecar.protocol import EngineName


@frozen
class Reached:
    """`why` says in words why it is this model."""

    name: EngineName
    tag: ModelTag
    why: str
    version: EngineVersion
    client: OllamaClient
