"""An embedded engine that asks nobody for a key, as Ollama: `refrain models serve`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def embedded_serving(folder: Path) -> Iterator[str]:
    """Its address, while it runs on one thread; what it is told lies in `folder`."""
    config = folder / "config" / "perf_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"inference": {"num_threads": 1, "num_ctx": 1024}}))
    command = [sys.executable, "-m", "refrain_sidecar.cli", "--config", str(config)]
    with subprocess.Popen(
        [*command, "models", "serve", "--port", "0"], stdout=subprocess.PIPE, encoding="utf-8"
    ) as serving:
        assert serving.stdout is not None
        try:
            yield serving.stdout.readline().split()[1].rstrip(".")
        finally:
            serving.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
