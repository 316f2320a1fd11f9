"""The child process: `python -m refrain_sidecar.inference.embedded --threads 6 --ctx 2048`.

With `--parent PID` it ends with that process. The key comes in the environment, which other users
cannot read as they can a command line. One JSON line on stdout says where it answers.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys

from refrain_sidecar.inference.embedded.parent import end_with_parent
from refrain_sidecar.inference.embedded.process import KEY_VARIABLE
from refrain_sidecar.inference.embedded.serving import (
    NotInstalled,
    guard_stdout,
    serve,
)


def main() -> int:
    """Runs until the parent is gone; the exit status."""
    parser = argparse.ArgumentParser(prog="refrain_sidecar.inference.embedded")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--ctx", type=int, required=True)
    parser.add_argument("--parent", type=int, default=None)
    chosen = parser.parse_args()
    if not (key := os.environ.pop(KEY_VARIABLE, "")):
        parser.error(f"{KEY_VARIABLE} must hold the key that every request brings")
    stdout = guard_stdout()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if chosen.parent is not None:
        end_with_parent(chosen.parent, sys.stdin.fileno())

    def ready(base_url: str) -> None:
        print(json.dumps({"base_url": base_url}), file=stdout, flush=True)

    try:
        serve(num_threads=chosen.threads, num_ctx=chosen.ctx, key=key, port=0, on_ready=ready)
    except (NotInstalled, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
