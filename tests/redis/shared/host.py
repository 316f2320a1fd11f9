"""One host of a test, in a process of its own: asks a question 25 times at once, says what came.

python -m tests.redis.shared.host URL FOLDER QUESTION COMPUTE_S
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from refrain_cache import AsyncCache, CacheSettings, SharedSettings, fingerprint

_EQUAL = 25


async def main(url: str, folder: str, question: str, compute_s: str) -> None:
    runs: list[float] = []

    async def compute() -> str:
        runs.append(time.time())
        print("computing", flush=True)
        await asyncio.sleep(float(compute_s))
        return "the answer"

    shared = SharedSettings(url, timeout_ms=500)
    settings = CacheSettings(cache_dir=Path(folder), shared=shared)
    async with AsyncCache(settings) as cache:
        await cache.look_at_shared()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        asked = fingerprint("api", question)
        found = await asyncio.gather(
            *(cache.get_or_compute(asked, compute) for _ in range(_EQUAL)), return_exceptions=True
        )
    answers = [one.value for one in found if not isinstance(one, BaseException)]
    print(json.dumps({"runs": runs, "answers": answers.count("the answer")}), flush=True)


asyncio.run(main(*sys.argv[1:]))
