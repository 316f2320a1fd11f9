"""A process that forks while its threads use the cache.

Run as `python forker.py VERB FOLDER …`. What parent or child were told is stored goes to the file
`acknowledged`, a number a line.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from refrain_cache import AsyncCache, Cache, CacheSettings, fingerprint, get_cache

ENDINGS = ("return", "sys.exit", "os._exit", "SIGKILL")
# A child that has not ended by then hangs.
PATIENCE_S = 30.0


class Storing:
    """Stores one number after the other and notes those that were acknowledged."""

    def __init__(self, cache: Cache, folder: Path) -> None:
        self.cache = cache
        self.log = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def store(self, n: int) -> None:
        if self.cache.set(content=n, cache_type="api", value={"n": n}):
            os.write(self.log, f"{n}\n".encode())
        elif (reason := self.cache.state.reason) is not None:
            print(f"{os.getpid()} did not store {n}: {reason}", flush=True)

    def busy(self, first: int, until: threading.Event) -> None:
        n = first
        while not until.is_set():
            self.store(n)
            assert self.cache.get(content=n, cache_type="api") == {"n": n}
            n += 1


def forks(folder: Path, rounds: int, seed: int) -> None:
    """Fork at random moments under load; each child reads and writes, and ends in its own way."""
    rng = random.Random(seed)
    storing = Storing(Cache(CacheSettings(cache_dir=folder)), folder)
    done = threading.Event()
    threads = [
        threading.Thread(target=storing.busy, args=(thread * 10**7, done)) for thread in range(3)
    ]
    for thread in threads:
        thread.start()
    for round_ in range(rounds):
        time.sleep(rng.random() * 0.03)
        ending = ENDINGS[rng.randrange(4)]
        child = os.fork()
        if child == 0:
            for n in range(5):
                storing.store(10**9 + round_ * 100 + n)
            assert storing.cache.get(content=10**9 + round_ * 100, cache_type="api") is not None
            if ending == "os._exit":
                os._exit(0)
            if ending == "SIGKILL":
                os.kill(os.getpid(), signal.SIGKILL)
            if ending == "sys.exit":
                sys.exit(0)
            return
        wait_for(child, ending)
    done.set()
    for thread in threads:
        thread.join()
    storing.cache.close()
    print("done", flush=True)


def wait_for(child: int, ending: str) -> None:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            if code != (-signal.SIGKILL if ending == "SIGKILL" else 0):
                print(f"a child that was to end by {ending} ended with {code}", flush=True)
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    print(f"a child that was to end by {ending} hung", flush=True)


def in_child(n: int) -> object:
    cache = get_cache()
    cache.set(content=n, cache_type="api", value=n * n)
    return cache.get(content=n, cache_type="api")


def pool(folder: Path) -> None:
    """`get_cache()` in the parent was enough to hang children; here it has been used as well."""
    os.chdir(folder)
    (folder / "config").mkdir()
    (folder / "config" / "perf_config.json").write_text("{}")
    get_cache().set(content="parent", cache_type="api", value=1)
    with multiprocessing.get_context("fork").Pool(4) as workers:
        print(workers.map_async(in_child, range(20)).get(PATIENCE_S) == [n * n for n in range(20)])
    print(all(get_cache().get(content=n, cache_type="api") == n * n for n in range(20)))


async def loop(folder: Path) -> None:
    """Fork in an event loop: the child's copy of the parent's cache answers without the file."""
    async with AsyncCache(CacheSettings(cache_dir=folder)) as cache:
        await cache.set(content="a", cache_type="api", value=1)
        child = os.fork()
        if child == 0:
            asyncio.events._set_running_loop(None)
            asyncio.run(inside(cache))
            os._exit(0)
        await asyncio.to_thread(wait_for, child, "return")
        print(await cache.set(content="b", cache_type="api", value=2), cache.state.mode)


async def inside(cache: AsyncCache) -> None:
    async def compute() -> str:
        return "computed"

    outcome = await cache.get_or_compute(fingerprint("api", "a"), compute)
    print(outcome.value, outcome.outcome, "forked" in (outcome.reason or ""), flush=True)
    await cache.close()


def main(verb: str, folder: str, *rest: str) -> None:
    at = Path(folder)
    if verb == "forks":
        forks(at, int(rest[0]), int(rest[1]))
    elif verb == "pool":
        pool(at)
    elif verb == "loop":
        asyncio.run(loop(at))


if __name__ == "__main__":
    main(*sys.argv[1:])
