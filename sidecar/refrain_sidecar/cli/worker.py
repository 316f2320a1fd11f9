"""`refrain worker`: a file of reflections, or jobs of the queue, through the stages."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from refrain_sidecar.cli.lines import log_above_the_bar, through
from refrain_sidecar.cli.session import Session, on_stop_signal, pass_session

if TYPE_CHECKING:
    from refrain_sidecar.queue.working import Worked
    from refrain_sidecar.service.service import Service


@click.command()
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    *("-j", "--jobs", "--concurrency", "jobs"),
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="At a time.",
)
@click.option("--recipe", metavar="NAME", help="Run this recipe instead of the stages.")
@click.option("--queue", is_flag=True, help="Do what others submit, until Ctrl-C or SIGTERM.")
@pass_session
def worker(
    session: Session,
    source: Path,
    output: Path | None,
    jobs: int,
    recipe: str | None,
    queue: bool,
) -> None:
    """Enrich the reflections in SOURCE (JSON lines; default: standard input).

    Each line is {"rid": …, "normalized_text": …, "timestamp"?: …}. Results go to OUTPUT or standard
    output, one line each, in order. Stopped half-way, a second run with the same OUTPUT goes on.
    Of lines with the same rid only the first is enriched. A line that cannot be used is named on
    stderr and skipped; the status is 1 then. With --recipe a line may also have "file" and
    "inputs", and gets "output".

    With --queue, reflections come from the queue on the server of caching.shared, see `refrain
    submit`, and results go there. Told to stop, it finishes what it holds or gives it back; told
    twice, it gives it back at once.

    \b
    refrain worker reflections.jsonl -o enriched.jsonl
    cat reflections.jsonl | refrain worker > enriched.jsonl
    refrain worker --recipe summarise notes.jsonl -o summaries.jsonl
    refrain worker --queue --concurrency 2
    """
    if queue:
        if str(source) != "-" or output is not None or recipe is not None:
            session.fail("With --queue there is no SOURCE, OUTPUT or --recipe.", status=2)
        _from_the_queue(session, jobs)
        return

    through(
        session,
        "Running" if recipe else "Enriching",
        source,
        output,
        lambda service, lines, out, advance, report: service.run_lines(
            lines, out, recipe=recipe, jobs=jobs, advance=advance, report=report
        ),
    )


def _from_the_queue(session: Session, jobs: int) -> None:
    log_above_the_bar(session.messages)
    session.messages.print(f"Working on the queue, {jobs} at a time. Stop with Ctrl-C.")

    async def work(service: Service) -> Worked:
        stopping, ours = asyncio.Event(), asyncio.current_task()

        def stop() -> None:
            if stopping.is_set() and ours is not None:
                ours.cancel()
            stopping.set()

        on_stop_signal(stop)
        try:
            return await service.work(jobs, stopping)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    worked = session.run(work)
    summary = f"{worked.done:,} done"
    for count, what in (
        (worked.failed, "failed and left to be tried again"),
        (worked.dead, "given up"),
        (worked.given_back, "given back"),
        (worked.lost, "taken over by others"),
    ):
        summary += f", {count:,} {what}" if count else ""
    session.messages.print(summary + ".")
