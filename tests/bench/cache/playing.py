"""A trace played through a real cache, with a clock that the answers' costs move."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable

from attrs import frozen
from tests.bench.cache.traces import Ask
from tests.set_clock import SetClock

from refrain_cache import AsyncCache, CacheSettings, Timing

_KIND = "stage1_enrichment"
# While uses are written every two seconds, a model answers a question or two; this many lookups
# between writes is harder on the policies than that.
_FLUSH_EACH = 25


@frozen
class Played:
    """What a policy made of a trace; `fullest` is the most it held, as a share of its limit."""

    asked: int
    hits: int
    saved_ms: float
    asked_ms: float
    fullest: float


async def play(settings: CacheSettings, trace: Iterable[Ask]) -> Played:
    """Ask every question of a trace, storing what is missing."""
    clock = SetClock()
    # Written when it is asked for, never by a timer: the same trace ends the same every time.
    timing = Timing(flush=1e9)
    asked = hits = 0
    saved_ms = asked_ms = fullest = 0.0
    async with AsyncCache(settings, clock=clock, timing=timing) as cache:
        for ask in trace:
            asked += 1
            asked_ms += ask.cost_ms
            if await cache.get(content=ask.number, cache_type=_KIND) is not None:
                hits += 1
                saved_ms += ask.cost_ms
                clock.at += 0.001
            else:
                clock.at += ask.cost_ms / 1000
                await cache.set(
                    content=ask.number, cache_type=_KIND, value=_text(ask), cost_ms=ask.cost_ms
                )
                held = (await cache.get_stats()).bytes
                fullest = max(fullest, held / settings.max_bytes)
            if asked % _FLUSH_EACH == 0:
                await cache.get_stats("hour")
    return Played(asked, hits, saved_ms, asked_ms, fullest)


def _text(ask: Ask) -> str:
    # Random, or zlib would make all sizes alike.
    return base64.b64encode(random.Random(ask.number).randbytes(ask.size * 3 // 4)).decode()
