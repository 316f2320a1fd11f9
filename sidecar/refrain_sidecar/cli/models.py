"""The models that can answer: `refrain models list`, `use`, `fetch` and `serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from refrain_sidecar.cli import show
from refrain_sidecar.cli.session import Session, json_option, pass_session
from refrain_sidecar.protocol import ModelsParams


@click.group()
def models() -> None:
    """Ollama's models, and the embedded one: small, for machines without Ollama."""


@models.command()
@pass_session
def fetch(session: Session) -> None:
    """Install the embedded engine and its model into the user's data folder.

    \b
    refrain models fetch
    """
    fetch_embedded(session)


def fetch_embedded(session: Session) -> None:
    """Install the embedded engine while its progress is shown; a failure ends the command."""
    from refrain_sidecar.inference.models.fetch_failures import FetchFailed
    from refrain_sidecar.inference.models.fetching import fetch as fetch_missing

    columns = (TextColumn("Fetching"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, console=session.messages, transient=True) as bars:
            task = bars.add_task("", total=None, visible=False)

            def follow(done: int, total: int) -> None:
                bars.update(task, completed=done, total=total, visible=True)

            fetched = fetch_missing(follow)
    except FetchFailed as error:
        session.fail(str(error))
    except KeyboardInterrupt:
        session.fail("Stopped; nothing half-done was left behind.", status=130)
    where = fetched.installed
    done = f"fetched ({show.size(fetched.bytes)})" if fetched.bytes else "is already here"
    session.console.print(f"{where.model} {done}: {where.weights}", soft_wrap=True)


def fetched_on_demand(session: Session, why: str) -> bool:
    """Whether the embedded engine was missing and whoever sits at the terminal had it fetched."""
    from refrain_sidecar.inference.models import installed
    from refrain_sidecar.inference.models.fetch_failures import FetchFailed
    from refrain_sidecar.inference.models.fetching import missing_bytes

    if not (sys.stdin.isatty() and sys.stdout.isatty()) or installed() is not None:
        return False
    try:
        size = show.size(missing_bytes())
    except FetchFailed:
        return False
    session.messages.print(why, markup=False)
    if not click.confirm(f"Fetch the small embedded model now ({size})?", default=True, err=True):
        sys.exit(1)  # why has just been said
    fetch_embedded(session)
    return True


@models.command("list")
@json_option
@pass_session
def list_models(session: Session, as_json: bool) -> None:
    """Show the models of both engines, with a mark at the one in use.

    \b
    refrain models list --json
    """
    result = session.run(lambda service: service.models(ModelsParams()))
    session.give(result, as_json, show.models)


@models.command()
@click.argument("name")
@json_option
@pass_session
def use(session: Session, name: str, as_json: bool) -> None:
    """Write down which model answers: NAME of Ollama's, `auto` or `embedded`.

    \b
    refrain models use qwen3:4b
    refrain models use auto
    """
    from refrain_cache.settings import CONFIG_FOLDER, CONFIG_NAME

    new = Path.cwd() / CONFIG_FOLDER / CONFIG_NAME
    result = session.run(lambda service: service.models(ModelsParams(use=name), new))
    session.give(result, as_json, show.model_choice)


@models.command()
@click.option("--port", type=click.IntRange(0, 65535), default=11436, show_default=True)
@click.option(
    "--api-key-file",
    type=click.File(encoding="utf-8"),
    help="Answer only requests with `Authorization: Bearer KEY`, the key being what FILE holds. "
    "Default: answer everybody on this machine.",
)
@pass_session
def serve(session: Session, port: int, api_key_file: TextIO | None) -> None:
    """Run the embedded engine for other clients of the Ollama API, until Ctrl-C.

    \b
    refrain models serve --port 11436
    OLLAMA_HOST=127.0.0.1:11436 ollama list
    """
    from refrain_sidecar.config import load_settings
    from refrain_sidecar.cpu import threads_in_force
    from refrain_sidecar.inference.embedded.serving import NotInstalled
    from refrain_sidecar.inference.embedded.serving import serve as serve_until_interrupted

    key = None if api_key_file is None else api_key_file.read().strip()
    if key == "":
        session.fail("The file given as --api-key-file is empty. Write a key into it.", status=2)
    settings = load_settings(session.config_path)
    try:
        serve_until_interrupted(
            num_threads=threads_in_force(settings),
            num_ctx=settings.inference.num_ctx,
            key=key,
            port=port,
            on_ready=lambda url: session.console.print(f"Serving {url}. Stop with Ctrl-C."),
        )
    except KeyboardInterrupt:
        session.console.print("Stopped.")
    except NotInstalled:
        session.fail("The embedded engine is not installed. Run `refrain models fetch`.")
    except OSError as error:
        session.fail(f"Port {port} cannot be used ({error}). Choose another with --port.")
