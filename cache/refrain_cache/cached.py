"""`@cached`: functions and coroutines of one's own, answered from the cache."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from refrain_cache.errors import FingerprintError
from refrain_cache.fingerprint import Fingerprint, fingerprint
from refrain_cache.sync import Cache, get_cache

P = ParamSpec("P")
T = TypeVar("T")


@overload
def cached(function: Callable[P, T], /) -> Callable[P, T]: ...


@overload
def cached(
    *,
    kind: str = ...,
    key: Callable[..., Any] | None = ...,
    ttl: float | None = ...,
    identity: Mapping[str, Any] | None = ...,
    private: Collection[str] = ...,
    cache: Cache | None = ...,
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def cached(
    function: Callable[..., Any] | None = None,
    /,
    *,
    kind: str = "function",
    key: Callable[..., Any] | None = None,
    ttl: float | None = None,
    identity: Mapping[str, Any] | None = None,
    private: Collection[str] = ("content",),
    cache: Cache | None = None,
) -> Any:
    """A function whose answers, which must be JSON, are kept and given again.

    Its arguments, by name and with their defaults, are the content of the fingerprint; `key` gives
    another where they are not JSON, or not all of them matter (`key=lambda self, url: url`). Equal
    calls under way at once run it once, in however many threads and processes. What it raises is
    raised, and nothing stored.

    Args:
        kind: what its entries are listed and counted as.
        ttl: seconds; by default the kind's (`CacheSettings.ttl_of`).
        identity: what else makes answers others, a version for one. The function's module and
            name are always part of it.
        private: as of `fingerprint`: by default the arguments are stored as a hash only.
        cache: by default `get_cache()`, at each call.

    The result has `fingerprint(*args)`, for `explain` and `purge`, and `__wrapped__`. Calling it
    raises FingerprintError for arguments that are not JSON.

        @cached(kind="api", ttl=3600)
        def weather(city: str, units: str = "metric") -> dict: ...
    """
    if function is None:
        return functools.partial(
            cached, kind=kind, key=key, ttl=ttl, identity=identity, private=private, cache=cache
        )
    signature = inspect.signature(function)
    name = f"{function.__module__}.{function.__qualname__}"
    who = {**(identity or {}), "function": name}

    def fingerprint_of(*args: Any, **kwargs: Any) -> Fingerprint:
        if key is not None:
            content = key(*args, **kwargs)
        else:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            content = bound.arguments
        try:
            return fingerprint(kind, content, identity=who, private=private)
        except FingerprintError as error:
            raise FingerprintError(
                f"{name} cannot be cached by its arguments: {error} Or give @cached a key: a "
                "function of the same arguments that returns what matters of them, as JSON."
            ) from error

    def asking(*args: Any, **kwargs: Any) -> Any:
        asked, run = fingerprint_of(*args, **kwargs), functools.partial(function, *args, **kwargs)
        return (cache or get_cache()).get_or_compute(asked, run, ttl=ttl, label=name).value

    async def awaiting(*args: Any, **kwargs: Any) -> Any:
        asked, run = fingerprint_of(*args, **kwargs), functools.partial(function, *args, **kwargs)
        using = cache or get_cache()
        return (await using.get_or_compute_here(asked, run, ttl=ttl, label=name)).value

    is_async = inspect.iscoroutinefunction(function)
    call: Any = functools.wraps(function)(awaiting if is_async else asking)
    call.fingerprint = fingerprint_of
    return call
