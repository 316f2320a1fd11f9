"""Real exports, and how to write them again with something wrong in them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refrain_cache import AsyncCache, CacheSettings

Line = dict[str, Any]


async def exported(folder: Path, count: int = 3) -> list[Line]:
    """The lines of a real export of `count` entries, the header first."""
    file = folder / "real.jsonl.gz"
    async with AsyncCache(CacheSettings(cache_dir=folder / "exporting")) as cache:
        for n in range(count):
            assert await cache.set(
                content=f"text {n}",
                cache_type="api",
                value={"n": n, "text": "é\ud83d " * n, "list": [1.5, None, True]},
                identity={"model": "m", "options": {"seed": n % 3, "temperature": 0.3}},
                params={"phase": "morning"},
                cost_ms=n,
                label=f"label {n}",
            )
        await cache.export(file)
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


async def still_there(cache: AsyncCache, n: int) -> bool:
    """Whether the `n`-th entry of `exported` is answered as it was stored."""
    answer = await cache.get(
        content=f"text {n}",
        cache_type="api",
        identity={"model": "m", "options": {"seed": n % 3, "temperature": 0.3}},
        params={"phase": "morning"},
    )
    return bool(answer == {"n": n, "text": "é\ud83d " * n, "list": [1.5, None, True]})


def packed(lines: list[Any], change: Callable[[bytes], bytes] = lambda data: data) -> bytes:
    """Lines (bytes as they are, else as JSON) as an export; `change` is made before packing."""
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return gzip.compress(change(b"".join(line + b"\n" for line in raw)), 1)
