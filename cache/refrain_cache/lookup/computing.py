"""A miss, computed: guard, engine, validation, and the answer handed on to be kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import frozen

from refrain_cache import codec
from refrain_cache.clock import Clock
from refrain_cache.errors import NotJsonError
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.lookup.flight import guard
from refrain_cache.sqlite.lease import Owned
from refrain_cache.sqlite.rows import NewEntry
from refrain_cache.sqlite.store import Store
from refrain_cache.timing import Timing

log = logging.getLogger("refrain.cache")


@frozen
class Question:
    """What `get_or_compute` was asked."""

    print: Fingerprint
    compute: Callable[[], Awaitable[Any]]
    ttl: float | None
    fresh: bool
    validate: Callable[[Any], None] | None
    label: str | Callable[[Any], str]
    model: str


@frozen
class Computed:
    """A run's answer. `encoded` is None if it is not JSON, and `refusal` says so.

    `elsewhere`: another process made it. `keeping`: it is on its way into the file.
    """

    value: Any
    encoded: codec.Encoded | None
    cost_ms: float
    elsewhere: bool = False
    keeping: bool = False
    refusal: str | None = None

    def copy(self) -> Any:
        """The answer again, for one more caller to own."""
        if self.encoded is None:
            return self.value
        return self.encoded.value()


class RefusedError(Exception):
    """Carries what `validate` raised to those who wait."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


Keep = Callable[[NewEntry, Owned | None], bool]


async def compute(
    question: Question, store: Store | None, clock: Clock, timing: Timing, keep: Keep
) -> Computed:
    """Compute an answer, once between processes, and hand it to `keep` if it can be kept."""
    fp = question.print
    owned: Owned | None = None
    if store is not None:
        got = await guard(store, clock, timing, fp.key, fresh=question.fresh)
        if isinstance(got, Owned):
            owned = got
        elif got is not None:
            value, packed, digest, _, cost_ms, *_ = got
            encoded = codec.Encoded(value, bool(packed), digest)
            return Computed(encoded.value(), encoded, cost_ms, elsewhere=True)
    ending = _Ending(store, fp.key, owned)
    try:
        began = clock.tick()
        value = await question.compute()
        cost_ms = (clock.tick() - began) * 1e3
        if question.validate is not None:
            _validated(question.validate, value)
        label = question.label(value) if callable(question.label) else question.label
        try:
            encoded = codec.encode(value)
        except NotJsonError as error:
            log.warning("%s was answered, but not stored: %s.", label or fp.kind, error)
            ending.give_back(None)
            return Computed(value, None, cost_ms, refusal=str(error))
        new = NewEntry(fp, encoded, question.ttl, cost_ms, label, question.model)
        keeping = keep(new, owned)
        if not keeping:
            ending.give_back(None)
        return Computed(value, encoded, cost_ms, keeping=keeping)
    except asyncio.CancelledError:
        ending.give_back(None)
        raise
    except BaseException as error:
        cause = error.error if isinstance(error, RefusedError) else error
        ending.give_back(f"{type(cause).__name__}: {cause}")
        raise


def _validated(validate: Callable[[Any], None], value: Any) -> None:
    try:
        validate(value)
    except Exception as error:
        raise RefusedError(error) from error


@frozen
class _Ending:
    store: Store | None
    key: str
    owned: Owned | None

    def give_back(self, error: str | None) -> None:
        if self.store is None or self.owned is None:
            return
        self.store.lease_ended()
        self.store.give_back(self.key, self.owned.token, error).add_done_callback(_looked_at)


def _looked_at(future: asyncio.Future[None]) -> None:
    # A lease that could not be given back is taken over once its beat stands still.
    if not future.cancelled() and future.exception() is not None:
        log.debug("A lease was not given back: %s", future.exception())
