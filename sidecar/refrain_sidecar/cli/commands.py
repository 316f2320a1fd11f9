"""How commands end: with their result, or with a sentence and a status, never in a traceback."""

from __future__ import annotations

import io
import sys
import traceback
from typing import Any

import click

from refrain_sidecar.cli.session import Session

# Click ends these itself; a reader that has left (`| head -1`) needs no word.
_CLICKS_OWN = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)


class Commands(click.Group):
    """A group whose commands may raise anything."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command line. A character that an output cannot hold is printed as its escape."""
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # In the C locale Python would read bytes that are no text as half characters.
                stream.reconfigure(errors="strict" if stream is sys.stdin else "backslashreplace")
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except _CLICKS_OWN:
            raise
        except (Exception, KeyboardInterrupt) as error:
            session: Session = ctx.obj
            if session.verbose:
                traceback.print_exception(error)
            session.fail(*_told(error))


def _told(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and the status to end with."""
    from refrain_cache import CacheError
    from refrain_sidecar.config import ConfigError
    from refrain_sidecar.enrichment import EnrichmentError, InputRefused
    from refrain_sidecar.inference.errors import InferenceError
    from refrain_sidecar.queue.errors import QueueError

    match error:
        case KeyboardInterrupt():
            return "Stopped.", 130
        case ConfigError():
            return str(error), 2
        case CacheError() | EnrichmentError() | InferenceError() | InputRefused() | QueueError():
            return str(error), 1
        case UnicodeDecodeError():
            return f"The input is not text in {error.encoding.upper()} ({error.reason}).", 1
        case OSError(filename=str(name), strerror=str(cause)):
            return f"{name} cannot be used: {cause.lower()}.", 1
    return f"{type(error).__name__}: {error}. `refrain -v …` shows where it came from.", 1
