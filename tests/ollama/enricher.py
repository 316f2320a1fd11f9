"""A worker's process: each text of a file through both stages, one line said of each.

    REFRAIN_CONFIG=… python -m tests.ollama.enricher TEXTS

A line is {"asked", "answered", "engine", "digest", "error"}: moments in seconds since the Unix
epoch, what Stage 1 says made it, and why there is no answer (else null).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from refrain_sidecar.enrichment import EnrichmentError, HybridScorer, PostEnricher
from refrain_sidecar.inference.errors import InferenceError


def enrich(text: str) -> dict[str, Any]:
    said: dict[str, Any] = {"asked": time.time(), "error": None, "engine": None, "digest": None}
    try:
        result = HybridScorer().enrich(text)
        said |= {name: result["provenance"][name] for name in ("engine", "digest")}
        PostEnricher().run_post_enrichment(result)
    except (EnrichmentError, InferenceError) as error:
        said["error"] = f"{type(error).__name__}: {error}"
    return said | {"answered": time.time()}


if __name__ == "__main__":
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        print(json.dumps(enrich(line)), flush=True)
