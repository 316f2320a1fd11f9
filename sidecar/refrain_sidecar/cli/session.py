"""What every command needs: a service, an event loop to run it in, and a way to fail politely."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from attrs import frozen
from rich.console import Console, RenderableType
from rich.markup import escape

T = TypeVar("T")


@frozen
class Session:
    """The options of this run. The heavy imports wait until a command needs the service."""

    config: Path | None
    verbose: bool = False

    @property
    def console(self) -> Console:
        """Standard output, for results."""
        return Console(highlight=False)

    @property
    def messages(self) -> Console:
        """Standard error, for what is said beside the result."""
        return Console(stderr=True, highlight=False)

    def config_path(self) -> Path | None:
        """The configuration to use. Ends the command when the file asked for or found is wrong."""
        from refrain_cache import find_config
        from refrain_sidecar.config import ConfigError, load_settings

        path = self.config or find_config()
        try:
            load_settings(path)
        except ConfigError as error:
            self.fail(str(error), status=2)
        return path

    def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Open a service, run `work(service)`, close it. Expected errors end with status 1."""
        from refrain_sidecar.enrichment import EnrichmentError, InputRefused
        from refrain_sidecar.inference.errors import InferenceError
        from refrain_sidecar.service.moving import CacheNotInUse
        from refrain_sidecar.service.service import Service

        path = self.config_path()

        async def session() -> T:
            async with Service(path) as service:
                return await work(service)

        try:
            return asyncio.run(session())
        except (InferenceError, EnrichmentError, InputRefused, CacheNotInUse) as error:
            self.fail(str(error))
        except KeyboardInterrupt:
            self.fail("Stopped.", status=130)

    def give(self, result: T, as_json: bool, show: Callable[[T], RenderableType]) -> None:
        """Print `result`: one JSON object in the protocol's words, or as `show` draws it."""
        if as_json:
            from refrain_sidecar.protocol.wire import to_wire

            click.echo(json.dumps(to_wire(result), ensure_ascii=False, indent=2))
        else:
            self.console.print(show(result))

    def fail(self, message: str, status: int = 1) -> NoReturn:
        """Say what went wrong on stderr and end with `status`."""
        self.messages.print(f"[red]refrain:[/] {escape(message)}", soft_wrap=True)
        sys.exit(status)


pass_session = click.make_pass_decorator(Session)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
