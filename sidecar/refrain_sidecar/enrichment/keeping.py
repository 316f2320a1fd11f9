"""Answers through the cache, which may never break the work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from refrain_cache import AsyncCache, CacheError, Fingerprint, Outcome, OwnerFailedError
from refrain_sidecar.inference.choose import Engine, EngineChooser, Offline
from refrain_sidecar.inference.last_known import Identity

LOG = logging.getLogger("refrain")

OFFLINE = "engine offline"

T = TypeVar("T")


class _AnotherEngine(Exception):
    """The engine that was away has come back as another: its answer has another fingerprint."""


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
    is OFFLINE. Raises what `compute` and `validate` raise and why there is no engine; nothing of
    the cache's.
    """
    known = await (chooser.engine() if fresh else chooser.known())
    fp = asked(known)

    async def computed() -> T:
        # Only a look can say whether it is away still, and whether it is what it was.
        engine = await asyncio.shield(known.look) if isinstance(known, Offline) else known
        if engine is not known and asked(engine) != fp:
            raise _AnotherEngine
        with chooser.serving():
            return await compute(engine)

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
    except _AnotherEngine:
        return await kept(
            cache, chooser, asked, compute, fresh=fresh, validate=validate, label=label
        )
    except CacheError as error:
        LOG.warning("The cache failed, so the answer is computed without it: %s", error)
        began = time.perf_counter()
        engine = known if isinstance(known, Engine) else await chooser.engine()
        with chooser.serving():
            value = await compute(engine)
        validate(value)
        took_ms = (time.perf_counter() - began) * 1000
        return Outcome(value, "bypass", None, fp.key, str(error), 0.0, took_ms, took_ms, 0.0)
    if isinstance(known, Offline) and outcome.outcome == "hit":
        return outcome._replace(reason=OFFLINE)
    return outcome
