"""Answers through the cache, which may never break the work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from refrain_cache import AsyncCache, CacheError, Fingerprint, Outcome, OwnerFailedError
from refrain_sidecar.inference.choose import Engine, EngineChooser, Offline
from refrain_sidecar.inference.errors import (
    BrokenStream,
    EngineFailed,
    EngineUnreachable,
    InferenceError,
    ModelMissing,
)
from refrain_sidecar.inference.last_known import Identity

LOG = logging.getLogger("refrain")

OFFLINE = "engine offline"

T = TypeVar("T")


# An engine that ends is replaced by the other one, and that one may end too.
_TRIES = 3


class _AnotherEngine(Exception):
    """The engine is gone, or is another than the one whose answer was asked for."""

    def __init__(self, why: InferenceError | None = None) -> None:
        super().__init__(why)
        self.why = why


async def kept(
    cache: AsyncCache,
    chooser: EngineChooser,
    asked: Callable[[Identity], Fingerprint],
    compute: Callable[[Engine], Awaitable[T]],
    *,
    fresh: bool,
    validate: Callable[[T], None],
    label: Callable[[T], str],
) -> Outcome[T]:
    """What is stored for `asked` of the engine, or `compute` gets out of it.

    While the engine is away, what is stored under its last known identity is a hit whose `reason`
    is OFFLINE. An engine that ends meanwhile is replaced by the other one; what it said under a
    name that has another model by now is not kept. Raises what `compute` and `validate` raise and
    why there is no engine; nothing of the cache's.
    """

    async def once() -> Outcome[T]:
        known = await (chooser.engine() if fresh else chooser.known())
        fp = asked(known)

        async def computed() -> T:
            # Only a look can say whether it is away still, and whether it is what it was.
            engine = await asyncio.shield(known.look) if isinstance(known, Offline) else known
            if engine is not known and asked(engine) != fp:
                raise _AnotherEngine
            return await _answered(chooser, engine, compute)

        async def ask() -> Outcome[T]:
            return await cache.get_or_compute(
                fp, computed, fresh=fresh, validate=validate, label=label, model=known.model
            )

        try:
            try:
                outcome = await ask()
            except OwnerFailedError as error:
                LOG.info("Another process failed at this answer, so it is asked here: %s", error)
                outcome = await ask()
        except CacheError as error:
            LOG.warning("The cache failed, so the answer is computed without it: %s", error)
            began = time.perf_counter()
            value = await _answered(chooser, await chooser.engine(), compute)
            validate(value)
            took_ms = (time.perf_counter() - began) * 1000
            return Outcome(value, "bypass", None, fp.key, str(error), 0.0, took_ms, took_ms, 0.0)
        if isinstance(known, Offline) and outcome.outcome == "hit":
            return outcome._replace(reason=OFFLINE)
        return outcome

    for left in reversed(range(_TRIES)):
        try:
            return await once()
        except _AnotherEngine as other:
            if not left and other.why is not None:
                raise other.why from None
    raise EngineFailed(
        "The model behind the engine's name changed with every try, so no answer can be told to be "
        "its own. Try again once it has settled."
    )


async def _answered(
    chooser: EngineChooser, engine: Engine, compute: Callable[[Engine], Awaitable[T]]
) -> T:
    with chooser.serving():
        try:
            value = await compute(engine)
        except (EngineFailed, EngineUnreachable, ModelMissing) as error:
            # One that is being killed may still say that its runner is gone.
            chooser.gone(engine, error)
            raise _AnotherEngine(error) from error
        except BrokenStream as error:
            # It may have ended, or only this answer has: a look will tell.
            LOG.info("An answer broke off, so it is asked for again: %s", error.message)
            chooser.forget()
            raise _AnotherEngine(error) from error
    if not await chooser.still(engine):
        LOG.info("%s is another model by now, so its answer is not kept.", engine.model)
        raise _AnotherEngine
    return value
