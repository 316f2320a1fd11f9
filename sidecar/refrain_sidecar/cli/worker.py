"""`refrain worker`: a file of reflections through both stages."""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.logging import RichHandler

from refrain_sidecar.cli import show
from refrain_sidecar.cli.session import Session, pass_session


@click.command()
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 64), default=4, show_default=True, help="At a time."
)
@pass_session
def worker(session: Session, source: Path, output: Path | None, jobs: int) -> None:
    """Enrich the reflections in SOURCE (JSON lines; default: standard input).

    Each line is {"rid": …, "normalized_text": …, "timestamp"?: …}. Results go to OUTPUT or standard
    output, one line each, in order. Stopped half-way, a second run with the same OUTPUT goes on.
    Of lines with the same rid only the first is enriched. A line that cannot be used is named on
    stderr and skipped; the status is 1 then.

    \b
    refrain worker reflections.jsonl -o enriched.jsonl
    cat reflections.jsonl | refrain worker > enriched.jsonl
    """
    from refrain_sidecar.service.lines import Output, enrich_lines

    lines, total = _lines(source)
    if _same_file(lines, output or sys.stdout.fileno()):
        session.fail(f"Input and output are one file: {source}. Name another with -o.", status=2)
    out = Output.continuing(output) if output else Output(sys.stdout.buffer)
    console = session.messages
    _log_above_the_bar(console)

    with show.progress(console) as bars:
        task = bars.add_task("Enriching", total=total)

        tally = session.run(
            lambda service: enrich_lines(
                service.parts,
                lines,
                out,
                jobs=jobs,
                advance=lambda: bars.advance(task),
                report=lambda bad: console.print(str(bad), style="yellow", markup=False),
            )
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


def _log_above_the_bar(console: Any) -> None:
    """The worker's log lines are part of what it shows: plain, on stderr, above the bar."""
    handler = RichHandler(
        console=console, show_time=False, show_level=False, show_path=False, markup=False
    )
    logging.getLogger("refrain").addHandler(handler)
    logging.getLogger("refrain").propagate = False
