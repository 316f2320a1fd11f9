"""Answers through the cache, which may never break the work."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from refrain_cache import CacheError, Fingerprint, Outcome, OwnerFailedError

LOG = logging.getLogger("refrain")

T = TypeVar("T")


class Keeper(Protocol):
    """The one verb of `refrain_cache.AsyncCache` that the stages use."""

    async def get_or_compute(
        self,
        fp: Fingerprint,
        compute: Callable[[], Awaitable[T]],
        *,
        fresh: bool = False,
        validate: Callable[[T], None] | None = None,
        label: str | Callable[[T], str] = "",
        model: str = "",
    ) -> Outcome[T]:
        """The stored answer, or the one `compute` makes."""


async def kept(
    cache: Keeper,
    fp: Fingerprint,
    compute: Callable[[], Awaitable[T]],
    *,
    fresh: bool,
    validate: Callable[[T], None],
    label: Callable[[T], str],
    model: str,
) -> Outcome[T]:
    """The answer for `fp`. Raises what `compute` and `validate` raise, nothing of the cache's."""

    async def ask() -> Outcome[T]:
        return await cache.get_or_compute(
            fp, compute, fresh=fresh, validate=validate, label=label, model=model
        )

    try:
        try:
            return await ask()
        except OwnerFailedError as error:
            LOG.info("Another process failed at this answer, so it is asked here: %s", error)
            return await ask()
    except CacheError as error:
        LOG.warning("The cache failed, so the answer is computed without it: %s", error)
        began = time.perf_counter()
        value = await compute()
        validate(value)
        took_ms = (time.perf_counter() - began) * 1000
        return Outcome(value, "bypass", None, fp.key, str(error), 0.0, took_ms, took_ms, 0.0)
