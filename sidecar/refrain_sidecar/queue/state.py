"""What `refrain queue` tells."""

from __future__ import annotations

from attrs import frozen


@frozen
class Running:
    """A job somebody is at: who (host and process), since when (Unix seconds), at which try."""

    id: str
    who: str
    since: float
    attempt: int


@frozen
class Letter:
    """A dead letter: a job that was given up, why, when (Unix seconds), after how many tries."""

    id: str
    reason: str
    at: float
    attempts: int


@frozen
class QueueState:
    """How many jobs wait, were done and are dead, who is at which, and the latest dead letters.

    `warning` is what may lose jobs on this server, None if nothing was found.
    """

    server: str
    waiting: int
    running: list[Running]
    done: int
    dead: int
    letters: list[Letter]
    warning: str | None
