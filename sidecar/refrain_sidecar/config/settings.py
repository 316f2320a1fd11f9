"""The sections of perf_config.json as frozen classes. `config.py` reads them from the file.

Names, units and defaults are those of `config/perf_config.schema.json`; a test compares them.
The `caching` section is the cache library's own: `refrain_cache.CacheSettings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from attrs import field, frozen

from refrain_cache import CacheSettings

AUTO: Final = "auto"


@frozen
class InferenceSettings:
    engine: Literal["auto", "ollama", "embedded"] = "auto"
    base_url: str = "http://127.0.0.1:11434"
    model: str = AUTO
    num_threads: Literal["auto"] | int = "auto"
    num_predict_short: int = 120
    num_predict_long: int = 160
    temperature: float = 0.3
    seed: int = 7
    num_ctx: int = 2048
    keep_alive: str | int = "30m"


@frozen
class NetworkingSettings:
    """Limits in seconds."""

    connect_timeout: float = 2.0
    first_token_timeout: float = 120.0
    token_timeout: float = 30.0
    retries: int = 2
    max_connections: int = 10


@frozen
class LoggingSettings:
    level: Literal["debug", "info", "warning", "error"] = "info"
    redact: bool = False


@frozen
class ServeSettings:
    """The proxy. `ttl` in seconds; `rules` map names of models, or patterns, to policies."""

    port: int = 11435
    upstream: str = AUTO
    policy: Literal["auto", "all", "only", "off"] = "auto"
    ttl: float = 2_592_000.0
    rules: Mapping[str, str] = {}


@frozen
class QueueSettings:
    """The work queue. `claim_seconds` and `result_ttl` in seconds."""

    max_length: int = 10_000
    tries: int = 3
    claim_seconds: float = 30.0
    result_ttl: float = 86_400.0


@frozen
class Settings:
    """A whole configuration, every section with its defaults filled in."""

    inference: InferenceSettings = field(factory=InferenceSettings)
    caching: CacheSettings = field(factory=CacheSettings)
    networking: NetworkingSettings = field(factory=NetworkingSettings)
    logging: LoggingSettings = field(factory=LoggingSettings)
    serve: ServeSettings = field(factory=ServeSettings)
    queue: QueueSettings = field(factory=QueueSettings)
