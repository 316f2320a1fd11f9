"""Long commands, with a line of progress now and then and their whole output in a log file."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.ollama.binary import TOOLS

_TELL_EVERY_S = 15.0
_TAIL_LINES = 30


class StepFailed(Exception):
    """A command failed; the message has the end of what it said."""


def run(
    title: str,
    command: Sequence[str | Path],
    log: str,
    *,
    env: Mapping[str, str] | None = None,
    tell: Callable[[list[str]], str] = lambda lines: lines[-1],
) -> None:
    """Say `title`, run `command` and say how it goes. Raises StepFailed.

    `tell` makes the line of progress from what the command has said, line by line. All of that
    goes to `.tools/log/<log>.log`.
    """
    print(f"{title} …", flush=True)
    file = TOOLS / "log" / f"{log}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with (
        file.open("w") as out,
        subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            while (status := _status_within(process, _TELL_EVERY_S)) is None:
                said = file.read_text(errors="replace").splitlines()
                elapsed = time.monotonic() - started
                print(f"  {elapsed:.0f} s  {tell(said) if said else ''}".rstrip(), flush=True)
        except BaseException:
            process.terminate()
            raise
    if status != 0:
        tail = "\n".join(file.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        raise StepFailed(f"{title}: status {status}. The end of {file}:\n{tail}")
    print(f"  done in {time.monotonic() - started:.0f} s", flush=True)


def _status_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
