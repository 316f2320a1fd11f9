"""`refrain`: the group of commands, and the options all of them share."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from refrain_sidecar import __version__
from refrain_sidecar.cli.cache import entries, explain, purge, stats
from refrain_sidecar.cli.commands import Commands
from refrain_sidecar.cli.enrich import enrich, warm
from refrain_sidecar.cli.machine import cpu, doctor
from refrain_sidecar.cli.mcp import mcp
from refrain_sidecar.cli.models import models
from refrain_sidecar.cli.moving import export_entries, import_entries, verify
from refrain_sidecar.cli.queue import queue, submit
from refrain_sidecar.cli.recipes import recipes, run
from refrain_sidecar.cli.serve import serve
from refrain_sidecar.cli.session import Session
from refrain_sidecar.cli.worker import worker


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="REFRAIN_CONFIG",
    help="perf_config.json to use. Default: the nearest config/perf_config.json.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the log on stderr.")
@click.version_option(__version__, prog_name="refrain")
@click.pass_context
def main(context: click.Context, config: Path | None, verbose: bool) -> None:
    """Never ask a local model the same thing twice.

    \b
    refrain enrich "I feel grateful for this quiet morning."
    refrain stats
    refrain worker reflections.jsonl -o enriched.jsonl
    """
    log = logging.StreamHandler()
    # On the handler: the configuration sets the logger's own level, which would let all through.
    log.setLevel(logging.DEBUG if verbose else logging.WARNING)
    logging.basicConfig(format="%(message)s", handlers=[log])
    logging.getLogger("httpx").setLevel(logging.WARNING)
    context.obj = Session(config, verbose)


for command in (
    enrich,
    run,
    recipes,
    warm,
    stats,
    entries,
    explain,
    purge,
    export_entries,
    import_entries,
    verify,
    cpu,
    doctor,
    models,
    serve,
    mcp,
    worker,
    submit,
    queue,
):
    main.add_command(command)
