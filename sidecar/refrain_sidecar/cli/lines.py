"""A file of reflections in, a file of results out, a bar between: what two commands do."""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rich.logging import RichHandler

from refrain_sidecar.cli import show
from refrain_sidecar.cli.session import Session

if TYPE_CHECKING:
    from refrain_sidecar.service.lines import BadLine, Output, Tally
    from refrain_sidecar.service.service import Service

# Given the lines, where they go, what counts one, and what tells of a bad one.
Work = Callable[
    ["Service", BinaryIO, "Output", Callable[[], None], "Callable[[BadLine], None]"],
    "Coroutine[Any, Any, Tally]",
]


def through(session: Session, title: str, source: Path, output: Path | None, work: Work) -> None:
    """Have the lines of `source` worked on and say what became of them; bad ones make status 1."""
    from refrain_sidecar.service.lines import Output

    lines, total = _lines(source)
    if _same_file(lines, output or sys.stdout.fileno()):
        session.fail(f"Input and output are one file: {source}. Name another with -o.", status=2)
    out = Output.continuing(output) if output else Output(sys.stdout.buffer)
    console = session.messages
    log_above_the_bar(console)

    with show.progress(console) as bars:
        task = bars.add_task(title, total=total)

        def report(bad: BadLine) -> None:
            console.print(str(bad), style="yellow", markup=False)

        tally = session.run(
            lambda service: work(service, lines, out, lambda: bars.advance(task), report)
        )
    summary = f"{tally.enriched:,} enriched"
    if tally.already_done:
        summary += f", {tally.already_done:,} were done before"
    if tally.bad:
        summary += f", {len(tally.bad):,} skipped"
    console.print(summary + ".")
    if tally.bad:
        sys.exit(1)


def _lines(source: Path) -> tuple[BinaryIO, int | None]:
    """The lines and, of a file, how many there are."""
    if str(source) == "-":
        return sys.stdin.buffer, None
    file = source.open("rb")
    if not source.is_file():
        return file, None  # a pipe
    total = sum(1 for line in file if line.strip())
    file.seek(0)
    return file, total


def _same_file(lines: BinaryIO, output: Path | int) -> bool:
    """Whether both are one file on the disk, by whatever names."""
    try:
        found = os.stat(output)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(lines.fileno()), found) and stat.S_ISREG(found.st_mode)


def log_above_the_bar(console: Any) -> None:
    """Log lines are part of what is shown: plain, on stderr, above the bar."""
    handler = RichHandler(
        console=console, show_time=False, show_level=False, show_path=False, markup=False
    )
    logging.getLogger("refrain").addHandler(handler)
    logging.getLogger("refrain").propagate = False
