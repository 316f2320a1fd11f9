"""`python -m tests.serve.asking URL AT_ONCE LATE EVERY_MS`: one request asked many times.

Once a line comes on stdin: AT_ONCE times at once, and LATE times more, one each EVERY_MS. Prints
how many answers there were of each SHA-256, as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import Counter

import httpx
from tests.serve.upstreams import MODEL

BODY = json.dumps(
    {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "options": {"seed": 1}}
).encode()


async def ask(url: str, at_once: int, late: int, every_s: float) -> Counter[str]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits, trust_env=False) as http:

        async def one(after: float) -> str:
            await asyncio.sleep(after)
            answer = await http.post("/api/chat", content=BODY)
            return hashlib.sha256(answer.content).hexdigest()

        delays = [0.0] * at_once + [every_s * (number + 1) for number in range(late)]
        return Counter(await asyncio.gather(*(one(delay) for delay in delays)))


if __name__ == "__main__":
    sys.stdin.readline()
    url, at_once, late, every_ms = sys.argv[1:]
    print(json.dumps(asyncio.run(ask(url, int(at_once), int(late), float(every_ms) / 1e3))))
