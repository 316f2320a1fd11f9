"""What this machine can do: `refrain cpu` and `refrain doctor`."""

from __future__ import annotations

import sys

import click

from refrain_sidecar.cli import show
from refrain_sidecar.cli.session import Session, json_option, pass_session


@click.command()
@json_option
@pass_session
def cpu(session: Session, as_json: bool) -> None:
    """Show the cores there are and how many threads to use.

    \b
    refrain cpu
    """
    from refrain_sidecar.config import load_settings
    from refrain_sidecar.cpu import cpu_threads

    result = cpu_threads(load_settings(session.config_path()).inference)
    if as_json:
        session.print_json(result)
    else:
        session.console.print(show.cpu(result))


@click.command()
@json_option
@pass_session
def doctor(session: Session, as_json: bool) -> None:
    """Check everything Refrain needs and say how to mend what fails.

    \b
    refrain doctor
    """
    result = session.run(lambda service: service.doctor())
    if as_json:
        session.print_json(result)
    else:
        session.console.print(show.checks(result))
    if any(check.status == "fail" for check in result.checks):
        sys.exit(1)
