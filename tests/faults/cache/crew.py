"""A process that uses the cache, for tests that kill it or set several upon one file.

Run as `python crew.py VERB FOLDER …`; writes one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from refrain_cache import AsyncCache, CacheSettings, Selection, Timing, fingerprint

SHARED = fingerprint("stage1_enrichment", "the same question")
# One that was killed is known by its process. One that a busy machine holds up is not dead.
KILLED_OFTEN = Timing(beat=0.2, stale_after=60)


def say(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def value_of(n: int) -> dict[str, Any]:
    """The only right answer to question `n`: sizes from a few bytes to a few pages."""
    return {"n": n, "text": f"{n}-" * (n * 37 % 900)}


async def ask(
    folder: Path, name: str, callers: int, takes_s: float, end: str, gate: str = ""
) -> None:
    """Ask the shared question many times at once, once the file `gate` is there.

    Each run of the engine is noted in a file.
    """
    async with AsyncCache(CacheSettings(cache_dir=folder), timing=KILLED_OFTEN) as cache:

        async def compute() -> str:
            with (folder / "runs").open("a") as runs:
                runs.write(f"{name}\n")
            say(began=name)
            await asyncio.sleep(takes_s)
            if end == "fail":
                raise ValueError("the engine fell over")
            return "the answer"

        async def one() -> None:
            started = time.monotonic()
            try:
                outcome = await cache.get_or_compute(SHARED, compute)
            except Exception as error:
                say(error=type(error).__name__, message=str(error))
            else:
                waited = time.monotonic() - started
                say(value=outcome.value, outcome=outcome.outcome, waited_s=waited)

        say(ready=name)
        while gate and not (folder / gate).exists():  # noqa: ASYNC110 - it is not ours to set
            await asyncio.sleep(0.01)
        await asyncio.gather(*(one() for _ in range(callers)))


async def write(folder: Path, first: int) -> None:
    """Store answer after answer until killed; say each once it is acknowledged."""
    async with AsyncCache(CacheSettings(cache_dir=folder)) as cache:
        n = first
        while True:
            batch = range(n, n + 8)
            kept = await asyncio.gather(
                *(cache.set(content=m, cache_type="api", value=value_of(m)) for m in batch)
            )
            say(acknowledged=[m for m, ok in zip(batch, kept, strict=True) if ok])
            n += 8


async def mix(folder: Path, seed: int, seconds: float) -> None:
    """Gets, sets, purges, evictions and statistics, checking every value."""
    rng = random.Random(seed)
    # So small that evictions are part of it.
    settings = CacheSettings(cache_dir=folder, max_bytes=300_000, memory_entries=50)
    done = wrong = refused = 0
    async with AsyncCache(settings) as cache:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            n, dice = rng.randrange(400), rng.random()
            if dice < 0.5:
                found = await cache.get(content=n, cache_type="api")
                wrong += found is not None and found != value_of(n)
            elif dice < 0.75:
                refused += not await cache.set(
                    content=n, cache_type="api", value=value_of(n), cost_ms=float(n)
                )
            elif dice < 0.95:

                async def compute(n: int = n) -> Any:
                    await asyncio.sleep(0)
                    return value_of(n)

                outcome = await cache.get_or_compute(fingerprint("api", n), compute)
                wrong += outcome.value != value_of(n)
            elif dice < 0.97:
                await cache.purge(Selection(least_used=5))
            elif dice < 0.975:
                await cache.purge(Selection(key_prefix=rng.choice("0123456789abcdef")))
            else:
                stats = await cache.get_stats(rng.choice(["session", "hour", "all"]))
                wrong += stats.bytes > 300_000 * 1.05
            done += 1
        mode = cache.state.mode
        stats = await cache.get_stats("session")
    say(done=done, wrong=wrong, refused=refused, mode=mode, bypassed=stats.bypassed)


def main(verb: str, folder: str, *rest: str) -> None:
    at = Path(folder)
    if verb == "ask":
        name, callers, takes_s, end, *gate = rest
        asyncio.run(ask(at, name, int(callers), float(takes_s), end, *gate))
    elif verb == "write":
        asyncio.run(write(at, int(rest[0])))
    elif verb == "mix":
        asyncio.run(mix(at, int(rest[0]), float(rest[1])))
    else:
        raise SystemExit(f"no such verb: {verb}")


if __name__ == "__main__":
    main(*sys.argv[1:])
