"""`Cache`: the blocking face, for threads without an event loop."""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast, overload

from refrain_cache import forking
from refrain_cache.accounts.stats import StatsWindow
from refrain_cache.cache import AsyncCache
from refrain_cache.entry import CacheState, Outcome
from refrain_cache.errors import CacheClosedError, CacheError
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.settings import CacheSettings, find_config, read_cache_settings
from refrain_cache.threads import Ended, given, in_thread
from refrain_cache.timing import Clock, Timing

P = ParamSpec("P")
T = TypeVar("T")


class _LoopThread:
    """One event loop in a daemon thread, for all the caches of a process while any is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def enter(self) -> asyncio.AbstractEventLoop:
        """The running loop; leave it as often as entered."""
        with self._lock:
            self._users += 1
            if self._loop is None:
                loop = self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=loop.run_forever, name="refrain-cache", daemon=True
                )
                self._thread.start()
            return self._loop

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users or self._loop is None or self._thread is None:
                return
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = self._thread = None

    def demand_another(self) -> None:
        """Raise CacheError in this thread, where waiting for it would never end."""
        if threading.current_thread() is self._thread:
            raise CacheError(
                "A blocking verb was called in the cache's own thread, where it would wait for "
                "itself. Call it from another, or use AsyncCache."
            )

    def forked(self) -> None:
        _parents_own.append((self._loop, self._thread))
        self.__init__()  # type: ignore[misc]


# What a forked child must not let go of: closing a loop would change the parent's.
_parents_own: list[object] = []
_loop_thread = _LoopThread()
forking.inherits(_loop_thread)


def _blocking(
    verb: Callable[Concatenate[AsyncCache, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Cache, P], T]:
    @functools.wraps(verb)
    def call(self: Cache, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(lambda cache: verb(cache, *args, **kwargs))

    return cast("Callable[Concatenate[Cache, P], T]", call)


class Cache:
    """The verbs of `AsyncCache` for any number of threads. Opens at first use; close it, or not.

    A forked child may go on using it: it opens anew there.

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
        self._make = functools.partial(AsyncCache, settings, clock=clock, timing=timing)
        self._closed = False
        self._begin()
        forking.inherits(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        # The cache within, and the loop it is open in.
        self._open: tuple[AsyncCache, asyncio.AbstractEventLoop] | None = None
        self._verbs: set[asyncio.Task[Any]] = set()

    # --- life -----------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the loop thread and open the cache. Any verb does so too."""
        with self._lock:
            self._opened()

    def close(self) -> None:
        """Finish pending stores and let go of the file.

        Verbs raise CacheClosedError afterwards, and so do those that other threads still wait for.
        """
        _loop_thread.demand_another()
        with self._lock:
            self._closed = True
            opened, self._open = self._open, None
        if opened is None:
            return
        cache, loop = opened
        asyncio.run_coroutine_threadsafe(self._end(cache), loop).result()
        _loop_thread.leave()
        atexit.unregister(self.close)

    async def _end(self, cache: AsyncCache) -> None:
        await cache.close()
        for task in self._verbs:
            task.cancel()
        await asyncio.gather(*self._verbs, return_exceptions=True)

    def __enter__(self) -> Cache:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def forked(self) -> None:
        """Begin anew in a forked child, where the loop's thread is not."""
        _parents_own.append((self._open, self._verbs))
        self._begin()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def state(self) -> CacheState:
        """Whether answers are kept, and if not, why."""
        with self._lock:
            return self._opened()[0].state

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener`, in the cache's own thread, after every counted outcome and change.

        It must not call a verb: that would wait for itself, and raises CacheError.
        """
        with self._lock:
            return self._opened()[0].subscribe(listener)

    # --- verbs ----------------------------------------------------------------------------------

    @overload
    def get_or_compute(
        self, fp: Fingerprint, compute: Callable[[], Awaitable[T]], **options: Any
    ) -> Outcome[T]: ...

    @overload
    def get_or_compute(
        self, fp: Fingerprint, compute: Callable[[], T], **options: Any
    ) -> Outcome[T]: ...

    def get_or_compute(
        self, fp: Fingerprint, compute: Callable[[], Any], **options: Any
    ) -> Outcome[Any]:
        """As `AsyncCache.get_or_compute`, whose `options` these are.

        A plain `compute` runs in a thread of its own.
        """
        is_async = inspect.iscoroutinefunction(compute)

        async def run() -> Any:
            made: Any = compute() if is_async else await in_thread(compute)
            return await made if inspect.isawaitable(made) else made

        return self.run(lambda cache: cache.get_or_compute(fp, run, **options))

    async def get_or_compute_here(
        self, fp: Fingerprint, compute: Callable[[], Awaitable[T]], **options: Any
    ) -> Outcome[T]:
        """The same for a coroutine: `compute` runs in the caller's event loop, and blocks nothing.

        `options` are those of `get_or_compute`.
        """
        loop = asyncio.get_running_loop()

        async def here() -> T:
            return await compute()

        async def there() -> T:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(here(), loop))

        future = self._begun(lambda cache: cache.get_or_compute(fp, there, **options))
        return given(await asyncio.wrap_future(future))

    lookup = _blocking(AsyncCache.lookup)
    peek = _blocking(AsyncCache.peek)
    get = _blocking(AsyncCache.get)
    set = _blocking(AsyncCache.set)
    entries = _blocking(AsyncCache.entries)
    explain = _blocking(AsyncCache.explain)
    explain_key = _blocking(AsyncCache.explain_key)
    explain_last_miss = _blocking(AsyncCache.explain_last_miss)
    clear_expired = _blocking(AsyncCache.clear_expired)
    purge = _blocking(AsyncCache.purge)
    export = _blocking(AsyncCache.export)
    import_ = _blocking(AsyncCache.import_)
    verify = _blocking(AsyncCache.verify)

    def get_stats(self, window: StatsWindow = "session") -> dict[str, Any]:
        """`CacheStats.as_dict()` of a window."""
        return self.run(lambda cache: cache.get_stats(window)).as_dict()

    # --- inside ---------------------------------------------------------------------------------

    def run(self, verb: Callable[[AsyncCache], Coroutine[Any, Any, T]]) -> T:
        """What `verb` makes of the AsyncCache within, in its event loop. Ctrl-C cancels it."""
        _loop_thread.demand_another()
        future = self._begun(verb)
        try:
            ended = future.result()
        except BaseException:
            # Ctrl-C in a waiting thread cancels what nobody waits for any more.
            future.cancel()
            raise
        return given(ended)

    def _begun(self, verb: Callable[[AsyncCache], Coroutine[Any, Any, T]]) -> Future[Ended[T]]:
        # Under the lock: what was begun before `close` is ended by it, and nothing begins after.
        with self._lock:
            cache, loop = self._opened()
            return asyncio.run_coroutine_threadsafe(self._ended(verb(cache)), loop)

    async def _ended(self, work: Coroutine[Any, Any, T]) -> Ended[T]:
        task = asyncio.current_task()
        assert task is not None
        self._verbs.add(task)
        try:
            return await work, None
        except asyncio.CancelledError as error:
            return None, CacheClosedError(_CLOSED) if self._closed else error
        except BaseException as error:
            return None, error
        finally:
            self._verbs.discard(task)

    def _opened(self) -> tuple[AsyncCache, asyncio.AbstractEventLoop]:
        if self._closed:
            raise CacheClosedError(_CLOSED)
        if self._open is None:
            _loop_thread.demand_another()
            cache, loop = self._open = self._make(), _loop_thread.enter()
            asyncio.run_coroutine_threadsafe(cache.open(), loop).result()
            # A worker that just returns still has its last answers stored.
            atexit.register(self.close)
        return self._open


_CLOSED = "This cache was closed; make a new one."


class _Shared:
    """The caches of this process by configuration."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.caches: dict[Path | None, Cache] = {}

    def forked(self) -> None:
        self.lock = threading.Lock()


_shared = _Shared()
forking.inherits(_shared)


def get_cache(config: Path | None = None) -> Cache:
    """The cache of this process for a configuration (default: the one `find_config` finds).

    Reads the file's `caching` section only; without any file all settings are the defaults. Raises
    CacheConfigError if the section cannot be used.
    """
    found = config.absolute() if config is not None else find_config()
    with _shared.lock:
        cache = _shared.caches.get(found)
        if cache is None or cache.is_closed:
            settings = read_cache_settings(found) if found is not None else CacheSettings()
            cache = _shared.caches[found] = Cache(settings)
        return cache
