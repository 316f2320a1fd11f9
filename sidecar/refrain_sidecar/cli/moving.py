"""Entries on the move, and checked: `refrain export`, `import` and `verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from refrain_sidecar.cli import show
from refrain_sidecar.cli.session import Session, json_option, pass_session

_file = click.argument("file", type=click.Path(path_type=Path))


@click.command("export")
@_file
@click.option("-y", "--yes", is_flag=True, help="Replace FILE without asking.")
@json_option
@pass_session
def export_entries(session: Session, file: Path, yes: bool, as_json: bool) -> None:
    """Write every entry that has not expired to FILE, for another machine or a safe place.

    The answers are in it, and may quote the texts they were given to: Stage 1's events do, short
    texts as a whole. Ends with status 1 when a damaged entry had to be left out.

    \b
    refrain export answers.jsonl.gz
    """
    if not file.name:
        session.fail(f"{file} is no name of a file.", status=2)
    if file.is_file() and not yes:
        session.confirm(f"Replace {file}?", as_json)
    with show.counting(session.messages, "Exporting") as progress:
        done = session.run(lambda service: service.export(file, progress))
    session.give(done, as_json, show.exported)
    if done.rejected:
        sys.exit(1)


@click.command("import")
@_file
@json_option
@pass_session
def import_entries(session: Session, file: Path, as_json: bool) -> None:
    """Take in the entries of FILE, an export, each one checked.

    What is here already stays as it is. Ends with status 1 when an entry was refused.

    \b
    refrain import answers.jsonl.gz
    """
    with show.counting(session.messages, "Importing") as progress:
        done = session.run(lambda service: service.import_(file, progress))
    session.give(done, as_json, show.imported)
    if done.rejected:
        sys.exit(1)


@click.command()
@json_option
@pass_session
def verify(session: Session, as_json: bool) -> None:
    """Hash every stored answer again and check the file. Changes nothing.

    Ends with status 1 when something does not match.

    \b
    refrain verify
    """
    with show.counting(session.messages, "Verifying") as progress:
        found = session.run(lambda service: service.verify(progress))
    session.give(found, as_json, show.verified)
    if not found.clean:
        sys.exit(1)
