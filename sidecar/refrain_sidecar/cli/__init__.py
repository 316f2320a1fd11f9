"""The command line: the service's verbs, printed for people or, with `--json`, for programs."""

from refrain_sidecar.cli.main import main

__all__ = ["main"]
