"""`refrain run` and `refrain recipes`: prompts of one's own."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from refrain_sidecar.cli import show
from refrain_sidecar.cli.session import Session, input_option, json_option, pass_session
from refrain_sidecar.protocol import RecipesParams, RecipesResult, RunParams, RunProgress, RunResult

if TYPE_CHECKING:
    from refrain_sidecar.service.service import Service


@click.command()
@click.argument("name")
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("--text", help="Run it on this text instead of SOURCE.")
@input_option
@click.option("--fresh", is_flag=True, help="Compute anew and replace the stored answer.")
@json_option
@pass_session
def run(
    session: Session,
    name: str,
    source: Path,
    text: str | None,
    inputs: tuple[str, ...],
    fresh: bool,
    as_json: bool,
) -> None:
    """Run the recipe NAME on SOURCE (a file; default: standard input).

    The answer is printed as the model writes it; how it came about is said on stderr. See `refrain
    recipes` for those there are.

    \b
    refrain run summarise notes.txt
    git diff --staged | refrain run commit-message
    refrain run translate --text "Good morning." -i language=French
    """
    file = None
    if text is None:
        text, file = _text(session, name, source)
    params = RunParams(name, text, file, session.named(inputs), fresh=fresh, request_id="cli")
    written: list[str] = []

    def told(progress: RunProgress) -> None:
        piece = progress.text if written else progress.text.lstrip()
        if piece and not as_json:
            click.echo(piece, nl=False)
            written.append(piece)

    result = session.run(lambda service: service.run(params, told))
    if as_json:
        session.give(result, True, _ran)
        return
    _finish(result, "".join(written))
    session.messages.print(_ran(result))


def _finish(result: RunResult, written: str) -> None:
    """Print what is missing of the answer: all of it, where none was heard."""
    if not isinstance(result.output, str):
        click.echo(json.dumps(result.output, ensure_ascii=False, indent=2))
    elif not written:
        click.echo(result.output)
    elif not written.endswith("\n"):
        click.echo()


def _text(session: Session, name: str, source: Path) -> tuple[str | None, str | None]:
    """The text to run on, and the file it is from."""
    if str(source) != "-":
        return source.read_text("utf-8-sig"), str(source)
    if sys.stdin.isatty():
        takes = session.run(lambda service: _takes_text(service, name))
        if not takes:
            return None, None
        session.messages.print("Type the text, then Ctrl-D.")
    return sys.stdin.read(), None


async def _takes_text(service: Service, name: str) -> bool:
    return service.folders.one(name).takes_text


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def recipes(context: click.Context, as_json: bool) -> None:
    """Show the recipes there are: of this folder or one above it, one's own, and those we bring.

    \b
    refrain recipes
    refrain recipes check
    refrain recipes new release-notes
    """
    if context.invoked_subcommand is None:
        session: Session = context.obj
        result = session.run(lambda service: service.recipes(RecipesParams()))
        session.give(result, as_json, _listed)


@recipes.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@pass_session
def check(session: Session, files: tuple[Path, ...]) -> None:
    """Say what is wrong with recipes: with FILES, without any with all there are. Status 1 then.

    \b
    refrain recipes check .refrain/recipes/title.recipe.md
    """
    found = session.run(lambda service: service.check_recipes(files))
    for path, problems in found:
        for problem in problems:
            session.console.print(problem.at(str(path)), markup=False, soft_wrap=True)
    broken = sum(1 for _, problems in found if problems)
    session.messages.print(f"{len(found)} looked at, {broken} with problems.")
    if broken:
        sys.exit(1)


@recipes.command()
@click.argument("name")
@pass_session
def new(session: Session, name: str) -> None:
    """Make a recipe NAME to write on, here where there is a .refrain/recipes, else for oneself.

    \b
    refrain recipes new release-notes
    """
    result = session.run(lambda service: service.recipes(RecipesParams(new=name)))
    session.console.print(result.written or "", markup=False, soft_wrap=True)


def _ran(result: RunResult) -> RenderableType:
    """How a recipe's answer came about, in a line."""
    line = show.outcome(result)
    line.append(f" {show.duration(result.total_ms)}, {result.engine.model} ({result.engine.name})")
    if result.saved_ms:
        line.append(f", {show.duration(result.saved_ms)} saved")
    return line


def _listed(result: RecipesResult) -> RenderableType:
    """The recipes there are, two lines each, which fit into eighty columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("recipe", overflow="fold")
    table.add_column("from")
    for heading in ("entries", "hits", "used"):
        table.add_column(heading, justify="right", no_wrap=True)
    now = time.time()
    for each in result.recipes:
        about = (f"\n{each.description}", "dim")
        if each.problems:
            about = (f"\nline {each.problems[0].line}: {each.problems[0].message}", "red")
        asks = "".join(f" -i {item.name}=…" for item in each.inputs)
        table.add_row(
            Text.assemble((each.name, "bold"), (asks, "cyan"), about),
            each.origin,
            f"{each.entries:,}",
            f"{each.hits:,}",
            "–" if each.last_used_at is None else show.age(now - each.last_used_at),
        )
    return table
