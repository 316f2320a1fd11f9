"""`refrain submit` and `refrain queue`: work for other machines, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import click

from refrain_sidecar.cli import show
from refrain_sidecar.cli.lines import through
from refrain_sidecar.cli.session import Session, json_option, pass_session


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--stages",
    type=click.Choice(["1", "1,2"]),
    default="1,2",
    show_default=True,
    help="1 names the feeling, 2 writes to it.",
)
@click.option("--recipe", metavar="NAME", help="Run this recipe instead; it goes with the jobs.")
@pass_session
def submit(
    session: Session, file: Path, output: Path | None, stages: str, recipe: str | None
) -> None:
    """Have the reflections in FILE (JSON lines) enriched by `refrain worker --queue`, anywhere.

    Lines and results are those of `refrain worker`: a result is written to OUTPUT or standard
    output, in the order of FILE, as soon as it and all before it are there. Stopped half-way, what
    is in the queue is done all the same, and the same command goes on.

    \b
    refrain submit reflections.jsonl -o enriched.jsonl
    refrain submit --recipe summarise notes.jsonl -o summaries.jsonl
    """
    wanted = recipe or tuple(int(stage) for stage in stages.split(","))
    try:
        through(
            session,
            "Waiting for workers",
            file,
            output,
            lambda service, lines, out, advance, report: service.submit(
                lines, out, run=wanted, advance=advance, report=report
            ),
        )
    except KeyboardInterrupt:
        session.fail(
            "Stopped. Workers go on with what is in the queue; the same command fetches it.",
            status=130,
        )


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def queue(context: click.Context, as_json: bool) -> None:
    """Show what waits, what runs (by whom, since when), what was done, and dead letters with why.

    \b
    refrain queue
    refrain queue retry
    """
    if context.invoked_subcommand is None:
        session: Session = context.obj
        session.give(session.run(lambda service: service.queue()), as_json, show.queue)


@queue.command()
@click.argument("ids", nargs=-1)
@pass_session
def retry(session: Session, ids: tuple[str, ...]) -> None:
    """Try dead letters again: those whose id begins like one of IDS, without any all of them.

    \b
    refrain queue retry 3f9a
    """
    count = session.run(lambda service: service.queue_retry(ids))
    session.console.print(f"{show.jobs(count)} put back into the queue.")


@queue.command()
@click.argument("ids", nargs=-1)
@click.option("--waiting", is_flag=True, help="Take out all jobs that nobody is at, instead.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_session
def drop(session: Session, ids: tuple[str, ...], waiting: bool, yes: bool) -> None:
    """Delete dead letters: those whose id begins like one of IDS, without any all of them.

    A submitter that still runs puts back in what is taken out with --waiting.

    \b
    refrain queue drop 3f9a
    """
    if waiting and ids:
        session.fail("With --waiting there are no IDS: all that wait are taken out.", status=2)
    if not ids and not yes:
        session.confirm(
            "Take out all jobs that wait?" if waiting else "Delete all dead letters?", False
        )
    count = session.run(lambda service: service.queue_drop(ids, waiting=waiting))
    session.console.print(f"{show.jobs(count)} deleted.")
