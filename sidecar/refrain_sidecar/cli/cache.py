"""What is stored: `refrain stats`, `entries`, `explain` and `purge`."""

from __future__ import annotations

import re
from typing import Any

import click
from attrs import evolve

from refrain_sidecar.cli import show
from refrain_sidecar.cli.session import Session, input_option, json_option, pass_session
from refrain_sidecar.protocol import EntriesParams, ExplainParams, PurgeParams, StatsParams

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_COUNT = click.IntRange(1, 1_000_000_000)


def age(text: str) -> float:
    """A duration such as 30m, 12h or 7d, in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not a duration. Write it like 30m, 12h or 7d.")
    return float(found[1]) * _UNITS[found[2]]


@click.command()
@click.option(
    "--window",
    type=click.Choice(["session", "hour", "day", "all"]),
    default="all",
    show_default=True,
    help="Which lookups to count; a session is this process.",
)
@json_option
@pass_session
def stats(session: Session, window: Any, as_json: bool) -> None:
    """Show what the cache holds and what it saved.

    \b
    refrain stats
    refrain stats --window hour --json
    """
    result = session.run(lambda service: service.stats(StatsParams(window)))
    session.give(result, as_json, show.statistics)


@click.command()
@click.option("--kind", help="Only this kind, such as stage1_enrichment.")
@click.option(
    "--order",
    type=click.Choice(["recent", "created", "used", "size", "cost"]),
    default="recent",
    show_default=True,
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@json_option
@pass_session
def entries(session: Session, /, as_json: bool, **asked: Any) -> None:
    """List stored answers.

    \b
    refrain entries --order cost --limit 5
    """
    result = session.run(lambda service: service.entries(EntriesParams(**asked)))
    session.give(result, as_json, show.entry_table)


@click.command()
@click.argument("text", required=False)
@click.option("--key", help="Explain this key (or its beginning) instead of a text.")
@click.option("--recipe", metavar="NAME", help="What this recipe would answer to it.")
@click.option("--file", help="The file that a recipe is told the text is from.")
@input_option
@json_option
@pass_session
def explain(session: Session, /, as_json: bool, inputs: tuple[str, ...], **asked: Any) -> None:
    """Say why TEXT would hit or miss now; without TEXT, why the last miss was one.

    That is Stage 1's answer, or that of a recipe.

    \b
    refrain explain "I feel grateful for this quiet morning."
    refrain explain --key 3f9a
    refrain explain --recipe translate -i language=French "Good morning."
    """
    params = ExplainParams(**asked, inputs=session.named(inputs))
    result = session.run(lambda service: service.explain(params))
    session.give(result, as_json, show.explanation)


@click.command()
@click.option("--everything", is_flag=True, help="Purge every entry.")
@click.option("--expired", is_flag=True, help="Purge what has expired.")
@click.option("--kind", help="Purge this kind, such as stage2_enrichment.")
@click.option("--model", help="Purge what this model answered.")
@click.option(
    "--older-than", "older_than_s", type=age, help="Purge what was made longer ago: 30m, 12h, 7d."
)
@click.option("--least-used", type=_COUNT, help="Purge that many, least used first.")
@click.option("--key", "key_prefix", help="Purge the keys that begin so.")
@click.option("--shared", is_flag=True, help="Purge the shared tier as well.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def purge(session: Session, /, yes: bool, as_json: bool, **asked: Any) -> None:
    """Remove stored answers. Conditions are joined by *and*.

    \b
    refrain purge --expired
    refrain purge --kind stage2_enrichment --older-than 7d --dry-run
    """
    params = PurgeParams(**asked)
    # Expired entries answer nothing any more; everything else is asked about first.
    certain = yes or params.dry_run or params == PurgeParams(expired=True)
    with session.service() as (loop, service):
        if not certain:
            count = loop.run(service.purge(evolve(params, dry_run=True)))
            if count.entries or count.shared:
                session.confirm(f"Purge {show.purging(count)}?", as_json)
        result = loop.run(service.purge(params))
    session.give(result, as_json, show.purged)
