"""What this machine can do: `refrain cpu` and `refrain doctor`."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from refrain_sidecar.cli import show
from refrain_sidecar.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from refrain_sidecar.config.settings import Settings
    from refrain_sidecar.cpu import Calibration


@click.command()
@click.option("--calibrate", is_flag=True, help="Measure tokens/s for each number of threads.")
@click.option("-y", "--yes", is_flag=True, help="Write what was measured to the configuration.")
@json_option
@pass_session
def cpu(session: Session, calibrate: bool, yes: bool, as_json: bool) -> None:
    """Show the cores there are, what is configured, how many threads to use, and why.

    Calibrating measures the real model, keeps the result for this machine and model, and offers to
    write it to the configuration.

    \b
    refrain cpu
    refrain cpu --calibrate
    """
    from refrain_sidecar.config import load_settings
    from refrain_sidecar.cpu import cpu_threads

    path = session.config_path
    settings = load_settings(path)
    if calibrate:
        session.messages.print(show.calibration(_calibrate(session, settings)))
        kept = cpu_threads(settings).calibration
        if kept is not None and kept.doubt is None:
            _offer(session, path, settings, kept.threads, yes)
            settings = load_settings(path)
    result = cpu_threads(settings)
    session.give(result, as_json, show.cpu)


def _calibrate(session: Session, settings: Settings) -> Calibration:
    from refrain_sidecar.cpu import gather
    from refrain_sidecar.cpu.calibrate import CalibrationStep
    from refrain_sidecar.cpu.calibrate import calibrate as measure

    with show.progress(session.messages) as bars:
        task = bars.add_task("Measuring", total=None)

        def follow(step: CalibrationStep) -> None:
            description = f"Measuring {step.threads} threads"
            bars.update(task, description=description, completed=step.done, total=step.total)

        try:
            return asyncio.run(measure(settings, gather(), follow))
        except KeyboardInterrupt:
            session.fail("Stopped; nothing was kept.", status=130)


def _offer(session: Session, path: Path | None, settings: Settings, best: int, yes: bool) -> None:
    """Offer to write the measured number into the configuration, where that would change it.

    What is in doubt is not offered: written down, it would outlive its reason.
    """
    from refrain_sidecar.config.writing import write_values

    if path is None or settings.inference.num_threads == best:
        return
    question = f"Write num_threads {best} to {path}?"
    if yes or (sys.stdin.isatty() and click.confirm(question, err=True)):
        write_values(path, "inference", {"num_threads": best})
        session.messages.print(f"Written to {path}.")


@click.command()
@json_option
@pass_session
def doctor(session: Session, as_json: bool) -> None:
    """Check everything Refrain needs and say how to mend what fails.

    \b
    refrain doctor
    """
    # What is wrong with the configuration is a finding like others, and said once.
    logging.getLogger("refrain.config").setLevel(logging.ERROR)
    with session.service(strict=False) as (loop, service):
        result = loop.run(service.doctor())
    session.give(result, as_json, show.checks)
    if any(check.status == "fail" for check in result.checks):
        sys.exit(1)
