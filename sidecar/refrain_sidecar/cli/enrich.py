"""`refrain enrich` and `refrain warm`: answers now, and answers for later."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from refrain_sidecar.cli import show
from refrain_sidecar.cli.models import fetched_on_demand
from refrain_sidecar.cli.session import Session, json_option, pass_session
from refrain_sidecar.protocol import EnrichParams, EnrichProgress, EnrichResult, WarmParams


@click.command()
@click.argument("text", required=False)
@click.option(
    "--image",
    metavar="FILE",
    help="A picture (PNG, JPEG, WebP) to describe and enrich; TEXT is a question about it.",
)
@click.option("--timestamp", help="When it was written (ISO 8601): Stage 2 minds the time of day.")
@click.option("--no-stage2", is_flag=True, help="Name the feeling only.")
@click.option("--fresh", is_flag=True, help="Compute anew and replace the stored answer.")
@json_option
@pass_session
def enrich(
    session: Session,
    text: str | None,
    image: str | None,
    timestamp: str | None,
    no_stage2: bool,
    fresh: bool,
    as_json: bool,
) -> None:
    """Enrich TEXT, or standard input when there is none.

    \b
    refrain enrich "I feel grateful for this quiet morning."
    pbpaste | refrain enrich --json
    refrain enrich --image morning.jpg "Who is in this picture?"
    """
    from refrain_sidecar.inference.errors import NoEngine

    if text is None:
        text = "" if image else sys.stdin.read()
    params = EnrichParams(
        text,
        timestamp=timestamp,
        stage2=not no_stage2,
        fresh=fresh,
        image=image,
    )
    try:
        result = _enriched(session, params)
    except NoEngine as error:
        if as_json or not fetched_on_demand(session, error.message):
            raise
        result = _enriched(session, params)
    session.give(result, as_json, show.enrichment)


def _enriched(session: Session, params: EnrichParams) -> EnrichResult:
    with session.messages.status("Enriching…"):
        return session.run(lambda service: service.enrich(params))


@click.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--common", is_flag=True, help="Write to the feelings people name most.")
@click.option(
    "--feeling",
    "feelings",
    multiple=True,
    metavar="P/S/T",
    help="Write to this place on the wheel.",
)
@json_option
@pass_session
def warm(
    session: Session, file: Path | None, common: bool, feelings: tuple[str, ...], as_json: bool
) -> None:
    """Fill the cache ahead of time with the texts of FILE, one a line.

    \b
    refrain warm reflections.txt
    refrain warm --common
    """
    texts = [] if file is None else _lines(file)
    if not (texts or common or feelings):
        session.fail("Nothing to warm: give a FILE of texts, --common or --feeling.", status=2)
    params = WarmParams(texts=texts, feelings=list(feelings), common=common, request_id="cli")
    with show.progress(session.messages) as bars:
        task = bars.add_task("Warming", total=None)

        def follow(step: EnrichProgress) -> None:
            bars.update(task, description=step.message)

        result = session.run(lambda service: service.warm(params, follow))
    session.give(result, as_json, show.warmed)
    if result.failed:
        sys.exit(1)


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
