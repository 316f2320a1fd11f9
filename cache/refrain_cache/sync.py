"""`Cache`: the blocking face, for threads without an event loop."""

from __future__ import annotations

import asyncio
import atexit
import inspect
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, overload

from refrain_cache.accounts.stats import StatsWindow
from refrain_cache.cache import AsyncCache, untold
from refrain_cache.clock import Clock
from refrain_cache.entry import (
    CacheState,
    EntryOrder,
    EntryPage,
    Explanation,
    Progress,
    Purged,
    Selection,
    Transferred,
    Verified,
)
from refrain_cache.errors import CacheClosedError
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.outcome import Outcome
from refrain_cache.settings import CacheSettings, find_config, read_cache_settings
from refrain_cache.timing import Timing

T = TypeVar("T")


class Cache:
    """The verbs of `AsyncCache` for any number of threads. Opens at first use; close it, or not.

    cache = Cache(CacheSettings())
    cache.set(content="hello", cache_type="api", value={"answer": 42})
    cache.get(content="hello", cache_type="api")
    """

    def __init__(
        self,
        settings: CacheSettings,
        *,
        clock: Clock | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._make: Callable[[], AsyncCache] = lambda: AsyncCache(
            settings, clock=clock, timing=timing
        )
        self._lock = threading.Lock()
        self._cache: AsyncCache | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    # --- life -----------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the loop thread and open the cache. Any verb does so too."""
        self._opened()

    def close(self) -> None:
        """Finish pending stores and end the thread. Verbs raise CacheClosedError afterwards."""
        with self._lock:
            self._closed = True
            cache, loop, thread = self._cache, self._loop, self._thread
            self._cache = self._loop = self._thread = None
        if cache is None or loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(cache.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        atexit.unregister(self.close)

    def __enter__(self) -> Cache:
        self.open()
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def state(self) -> CacheState:
        """Whether answers are kept, and if not, why."""
        return self._opened()[0].state

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener`, in the cache's own thread, after every counted outcome and change."""
        return self._opened()[0].subscribe(listener)

    # --- lookups --------------------------------------------------------------------------------

    @overload
    def get_or_compute(
        self,
        fp: Fingerprint,
        compute: Callable[[], Awaitable[T]],
        *,
        ttl: float | None = ...,
        fresh: bool = ...,
        validate: Callable[[T], None] | None = ...,
        label: str | Callable[[T], str] = ...,
        model: str = ...,
    ) -> Outcome[T]: ...

    @overload
    def get_or_compute(
        self,
        fp: Fingerprint,
        compute: Callable[[], T],
        *,
        ttl: float | None = ...,
        fresh: bool = ...,
        validate: Callable[[T], None] | None = ...,
        label: str | Callable[[T], str] = ...,
        model: str = ...,
    ) -> Outcome[T]: ...

    def get_or_compute(
        self,
        fp: Fingerprint,
        compute: Callable[[], Any],
        *,
        ttl: float | None = None,
        fresh: bool = False,
        validate: Callable[[T], None] | None = None,
        label: str | Callable[[T], str] = "",
        model: str = "",
    ) -> Outcome[T]:
        """As `AsyncCache.get_or_compute`; a plain `compute` runs in a thread of its own."""

        is_async = inspect.iscoroutinefunction(compute)

        async def run() -> T:
            made: Any = compute() if is_async else await asyncio.to_thread(compute)
            answer: T = await made if inspect.isawaitable(made) else made
            return answer

        return self._run(
            lambda cache: cache.get_or_compute(
                fp, run, ttl=ttl, fresh=fresh, validate=validate, label=label, model=model
            )
        )

    def lookup(self, fp: Fingerprint) -> Outcome[Any] | None:
        """The stored answer, or None. Counted as a hit or a miss."""
        return self._run(lambda cache: cache.lookup(fp))

    def peek(self, fp: Fingerprint) -> bool:
        """Whether a lookup would hit now. Not counted."""
        return self._run(lambda cache: cache.peek(fp))

    def get(
        self,
        *,
        content: Any,
        cache_type: str,
        params: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> Any | None:
        """The answer stored for `content` under kind `cache_type`, or None."""
        return self._run(
            lambda cache: cache.get(
                content=content, cache_type=cache_type, params=params, identity=identity
            )
        )

    def set(
        self,
        *,
        content: Any,
        cache_type: str,
        value: Any,
        ttl: float | None = None,
        params: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        cost_ms: float = 0.0,
        label: str = "",
        model: str = "",
    ) -> bool:
        """Store an answer. True once it is committed, False if the cache is off or bypassed."""
        return self._run(
            lambda cache: cache.set(
                content=content,
                cache_type=cache_type,
                value=value,
                ttl=ttl,
                params=params,
                identity=identity,
                cost_ms=cost_ms,
                label=label,
                model=model,
            )
        )

    # --- looking around, clearing ---------------------------------------------------------------

    def get_stats(self, window: StatsWindow = "session") -> dict[str, Any]:
        """`CacheStats.as_dict()` of a window."""
        return self._run(lambda cache: cache.get_stats(window)).as_dict()

    def entries(
        self,
        *,
        kind: str | None = None,
        order: EntryOrder = "recent",
        limit: int = 100,
        offset: int = 0,
    ) -> EntryPage:
        """A slice of the stored entries."""
        return self._run(
            lambda cache: cache.entries(kind=kind, order=order, limit=limit, offset=offset)
        )

    def explain(self, fp: Fingerprint) -> Explanation:
        """Why a lookup would hit or miss now."""
        return self._run(lambda cache: cache.explain(fp))

    def explain_key(self, key_prefix: str) -> Explanation:
        """The same for a stored entry, by the beginning of its key."""
        return self._run(lambda cache: cache.explain_key(key_prefix))

    def explain_last_miss(self) -> Explanation:
        """Why the last lookup that missed did."""
        return self._run(lambda cache: cache.explain_last_miss())

    def clear_expired(self) -> int:
        """Delete expired entries; returns how many."""
        return self._run(lambda cache: cache.clear_expired())

    def purge(self, selection: Selection, *, dry_run: bool = False) -> Purged:
        """Delete the entries a selection means, or count them."""
        return self._run(lambda cache: cache.purge(selection, dry_run=dry_run))

    def export(self, path: Path, progress: Progress = untold) -> Transferred:
        """Write every entry that has not expired to one portable file."""
        return self._run(lambda cache: cache.export(path, progress))

    def import_(self, path: Path, progress: Progress = untold) -> Transferred:
        """Take in an export, each entry checked."""
        return self._run(lambda cache: cache.import_(path, progress))

    def verify(self, progress: Progress = untold) -> Verified:
        """Re-hash every entry and check the file."""
        return self._run(lambda cache: cache.verify(progress))

    # --- inside ---------------------------------------------------------------------------------

    def _run(self, verb: Callable[[AsyncCache], Coroutine[Any, Any, T]]) -> T:
        cache, loop = self._opened()
        future = asyncio.run_coroutine_threadsafe(verb(cache), loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C in a waiting thread cancels what nobody waits for any more.
            future.cancel()
            raise

    def _opened(self) -> tuple[AsyncCache, asyncio.AbstractEventLoop]:
        with self._lock:
            if self._closed:
                raise CacheClosedError("This cache was closed; make a new one.")
            if self._cache is None or self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._cache = self._make()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="refrain-cache", daemon=True
                )
                self._thread.start()
                asyncio.run_coroutine_threadsafe(self._cache.open(), self._loop).result()
                # A worker that just returns still has its last answers stored.
                atexit.register(self.close)
            return self._cache, self._loop


_shared: dict[tuple[int, Path | None], Cache] = {}
_shared_lock = threading.Lock()


def get_cache(config: Path | None = None) -> Cache:
    """The cache of this process for a configuration (default: the one `find_config` finds).

    Reads the file's `caching` section only; without any file all settings are the defaults. Raises
    CacheConfigError if the section cannot be used.
    """
    found = config.absolute() if config is not None else find_config()
    # A forked child must not use its parent's threads: they do not exist there.
    name = (os.getpid(), found)
    with _shared_lock:
        cache = _shared.get(name)
        if cache is None or cache.is_closed:
            settings = read_cache_settings(found) if found is not None else CacheSettings()
            cache = _shared[name] = Cache(settings)
        return cache
