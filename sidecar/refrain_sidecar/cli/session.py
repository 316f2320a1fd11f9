"""What every command needs: a service, an event loop to run it in, and a way to fail politely."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from attrs import frozen
from rich.console import Console, RenderableType
from rich.markup import escape

if TYPE_CHECKING:
    from refrain_sidecar.service.service import Service

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

    @property
    def config_path(self) -> Path | None:
        """The configuration to use; None where there is none."""
        from refrain_cache import find_config

        return self.config or find_config()

    def run(self, work: Callable[[Service], Coroutine[Any, Any, T]]) -> T:
        """Open a service, run `work(service)`, close it. Raises what they raise, ConfigError."""
        with self.service() as (loop, service):
            return loop.run(work(service))

    @contextmanager
    def service(self, *, strict: bool = True) -> Iterator[tuple[asyncio.Runner, Service]]:
        """An open service and the loop to run its verbs in; between them the loop stands still.

        Raises ConfigError when the configuration is wrong and `strict`.
        """
        from refrain_sidecar.config import load_settings
        from refrain_sidecar.enrichment.recipes.finding import folders_here
        from refrain_sidecar.service.service import Service

        if strict:
            load_settings(self.config_path)
        service = Service(self.config_path, folders_here())
        with asyncio.Runner() as loop:
            loop.run(service.open())
            try:
                yield loop, service
            finally:
                loop.run(service.close())

    def confirm(self, question: str, as_json: bool) -> None:
        """Ask on stderr; a no ends the command. Nobody asks a program: it has to say --yes."""
        if as_json and not sys.stdin.isatty():
            self.fail(f"{question} Say --yes: with --json there is nobody to ask.", status=2)
        click.confirm(question, abort=True, err=True)

    def give(self, result: T, as_json: bool, show: Callable[[T], RenderableType]) -> None:
        """Print `result`: one JSON object in the protocol's words, or as `show` draws it."""
        if as_json:
            from refrain_sidecar.protocol.wire import to_wire

            text = json.dumps(to_wire(result), ensure_ascii=False, indent=2)
            # JSON is UTF-8 whatever the terminal's encoding, half a character its JSON escape.
            click.echo(text.encode("utf-8", "backslashreplace"))
        else:
            self.console.print(show(result))

    def named(self, given: Iterable[str]) -> dict[str, str]:
        """What `--input NAME=VALUE` said, by name."""
        pairs = [each.partition("=") for each in given]
        for name, equals, _ in pairs:
            if not name or not equals:
                self.fail(f"--input {name} is not NAME=VALUE.", status=2)
        return {name: value for name, _, value in pairs}

    def fail(self, message: str, status: int = 1) -> NoReturn:
        """Say what went wrong on stderr and end with `status`."""
        self.messages.print(f"[red]refrain:[/] {escape(message)}", soft_wrap=True)
        sys.exit(status)


pass_session = click.make_pass_decorator(Session)
input_option = click.option(
    *("-i", "--input", "inputs"),
    multiple=True,
    metavar="NAME=VALUE",
    help="What a recipe asks for.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


def on_stop_signal(call: Callable[[], None]) -> None:
    """In the running loop, call `call` for each Ctrl-C and SIGTERM from now on."""
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C comes as KeyboardInterrupt
            loop.add_signal_handler(sign, call)
