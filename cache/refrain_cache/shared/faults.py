"""What can be wrong with the server, and what it means for the work. Pure.

Told by the word with which an error of the server's begins, which is its protocol, and by names of
classes, so that `redis` need not be here.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from refrain_cache.errors import CacheConfigError


class FaultKind(Enum):
    """Each name is a reason to do without the server, or without writing to it."""

    AWAY = "away"
    SLOW = "slow"
    LOCKED_OUT = "locked out"
    NO_RIGHT = "no right"
    NOT_READY = "not ready"
    FULL = "full"
    READ_ONLY = "read-only"
    UNUSABLE = "unusable"


@frozen
class Fault:
    """Why the server is left out; `reason` names the thing, the cause and the next step."""

    kind: FaultKind
    reason: str


class Unavailable(Exception):
    """The server cannot be asked now. An outcome of its own, never a miss."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class ForeignKey(Exception):
    """A key of ours holds what we never put there."""


_BY_WORD = {
    "NOAUTH": FaultKind.LOCKED_OUT,
    "WRONGPASS": FaultKind.LOCKED_OUT,
    "NOPERM": FaultKind.NO_RIGHT,
    "LOADING": FaultKind.NOT_READY,
    "CLUSTERDOWN": FaultKind.NOT_READY,
    "MASTERDOWN": FaultKind.NOT_READY,
    "TRYAGAIN": FaultKind.NOT_READY,
    "BUSY": FaultKind.NOT_READY,
    "OOM": FaultKind.FULL,
    "READONLY": FaultKind.READ_ONLY,
    "NOREPLICAS": FaultKind.READ_ONLY,
    "MISCONF": FaultKind.READ_ONLY,
}
_REASONS = {
    FaultKind.AWAY: "{url} cannot be reached ({cause}); check caching.shared.url and the network.",
    FaultKind.SLOW: "{url} did not answer within {limit:g} ms (caching.shared.timeout_ms).",
    FaultKind.LOCKED_OUT: "{url} does not let us in ({cause}); check the user and the password.",
    FaultKind.NO_RIGHT: "{url} denies what is needed ({cause}); docs/many-machines.md has the "
    "rights.",
    FaultKind.NOT_READY: "{url} is not ready ({cause}).",
    FaultKind.FULL: "{url} is full ({cause}); let it evict (maxmemory-policy allkeys-lru) or give "
    "it more memory. What is there is still read.",
    FaultKind.READ_ONLY: "{url} takes no writes ({cause}). What is there is still read.",
    FaultKind.UNUSABLE: "{url} cannot be used ({cause}).",
}
_BY_CLASS = (
    ("AuthenticationError", FaultKind.LOCKED_OUT),
    ("TimeoutError", FaultKind.SLOW),
    ("ConnectionError", FaultKind.AWAY),
    ("OSError", FaultKind.AWAY),
)


def is_foreign(error: Exception) -> bool:
    """Whether an error is about what one key holds, which is not of our making."""
    return _word(error) == "WRONGTYPE"


def fault_of(error: Exception, url: str, limit_ms: float) -> Fault:
    """What an error of redis-py or of the system means for the server at `url`."""
    if isinstance(error, Unavailable):
        return error.fault
    if isinstance(error, CacheConfigError):
        return Fault(FaultKind.UNUSABLE, str(error))
    kind = _BY_WORD.get(_word(error))
    if kind is None:
        # Python's own and redis-py's are called alike, and mean the same.
        names = {cls.__name__ for cls in type(error).__mro__}
        named = (kind for name, kind in _BY_CLASS if name in names)
        kind = next(named, FaultKind.UNUSABLE)
    cause = str(error).partition("\n")[0] or type(error).__name__
    return Fault(kind, _REASONS[kind].format(url=url, cause=cause, limit=limit_ms))


def _word(error: Exception) -> str:
    # redis-py takes the word off the errors it has a class for.
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]
