"""`refrain serve`: the caching proxy, until Ctrl-C."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from refrain_sidecar.cli.models import fetched_on_demand
from refrain_sidecar.cli.session import Session, on_stop_signal, pass_session

if TYPE_CHECKING:
    from refrain_sidecar.config.settings import Settings


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Where to listen. [default: 11435]")
@click.option(
    "--upstream",
    help="What to stand in front of: an address, `embedded`, or `auto`: Ollama if it answers, "
    "else the embedded engine. [default: auto]",
)
@click.option(
    "--policy",
    type=click.Choice(("auto", "all", "only", "off")),
    help="What is replayed. auto: vectors, and what is asked with a temperature of at most 0.01 "
    "or with a seed. only: nothing is asked of the engine. [default: auto]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Others need --api-key-file.")
@click.option(
    "--api-key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Answer only requests that bring one of the keys in FILE, one a line.",
)
@pass_session
def serve(
    session: Session,
    port: int | None,
    upstream: str | None,
    policy: str | None,
    host: str,
    api_key_file: Path | None,
) -> None:
    """Stand in front of Ollama, and replay what was asked before.

    \b
    refrain serve
    OLLAMA_HOST=127.0.0.1:11435 ollama run llama3.2
    """
    from attrs import evolve

    from refrain_sidecar.config import load_settings
    from refrain_sidecar.inference.errors import NoEngine

    settings = load_settings(session.config_path)
    asked = {"port": port, "upstream": upstream, "policy": policy}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    settings = evolve(settings, serve=evolve(settings.serve, **given))
    keys = _keys(session, api_key_file)
    if host not in ("127.0.0.1", "localhost", "::1") and not keys:
        session.fail(f"To serve {host} to others, give --api-key-file.", status=2)
    try:
        asyncio.run(_serve(session, settings, host, keys))
    except NoEngine as error:
        if not fetched_on_demand(session, error.message):
            raise
        asyncio.run(_serve(session, settings, host, keys))


def _keys(session: Session, file: Path | None) -> list[str]:
    if file is None:
        return []
    keys = [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    if not keys:
        session.fail(f"{file} is empty. Write a key into it.", status=2)
    return keys


async def _serve(session: Session, settings: Settings, host: str, keys: list[str]) -> None:
    from refrain_cache import AsyncCache
    from refrain_sidecar.serve.hosting import Hosting

    stopped = asyncio.Event()
    on_stop_signal(stopped.set)
    async with AsyncCache(settings.caching) as cache:
        hosting = Hosting(settings, cache, host=host, keys=keys, share=False)
        try:
            state = await hosting.start()
            if state.error is not None:
                session.fail(state.error)
            engine = "Ollama" if state.engine == "ollama" else "the embedded engine"
            session.console.print(
                f"Serving {state.url} in front of {engine} at {state.upstream}, "
                f"policy {state.policy}.\nThe page: {state.url}/refrain. Stop with Ctrl-C.",
                soft_wrap=True,
            )
            if not state.reachable:
                session.messages.print(
                    "The engine does not answer yet; what was asked before is replayed. "
                    "Start Ollama, or run `refrain models fetch`."
                )
            await stopped.wait()
        finally:
            await hosting.close()
    session.console.print("Stopped.")
