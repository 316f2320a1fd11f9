"""perf_config.json: read, checked against its schema, and followed while the process runs."""

from refrain_sidecar.config.check import Problem, check
from refrain_sidecar.config.live import LiveConfig
from refrain_sidecar.config.read import ConfigError, load_settings, read_settings

__all__ = ["ConfigError", "LiveConfig", "Problem", "check", "load_settings", "read_settings"]
