"""Candidates take turns, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from attrs import frozen
from rich.progress import track

# A turn is this many lookups: long enough for a candidate to find the processor's caches its own,
# as it would in a program that does not run all its rivals in between.
TURN = 20


@frozen
class Direct:
    """A lookup that blocks."""

    call: Callable[[int], object]
    each: int = TURN


@frozen
class Awaited:
    """A lookup that is awaited."""

    call: Callable[[int], Awaitable[object]]
    each: int = TURN


Lookup = Direct | Awaited


async def in_turns(
    candidates: Mapping[str, Lookup], turns: int, entries: int, title: str
) -> dict[str, list[int]]:
    """Nanoseconds of every lookup, by candidate; `call` is given the number of an entry."""
    rng = random.Random(7)
    taken: dict[str, list[int]] = {name: [] for name in candidates}
    for _ in track(range(turns), description=title):
        numbers = [rng.randrange(entries) for _ in range(TURN)]
        for name in shuffled(rng, candidates):
            await _turn(candidates[name], numbers, taken[name])
    return taken


def shuffled(rng: random.Random, names: Iterable[str]) -> list[str]:
    """The names in another order."""
    order = list(names)
    rng.shuffle(order)
    return order


async def _turn(lookup: Lookup, numbers: list[int], taken: list[int]) -> None:
    clock, call = time.perf_counter_ns, lookup.call
    for n in numbers[: lookup.each]:
        if isinstance(lookup, Direct):
            began = clock()
            found = call(n)
            taken.append(clock() - began)
        else:
            began = clock()
            found = await lookup.call(n)
            taken.append(clock() - began)
        if found is None:
            raise AssertionError(f"entry {n} was not found")
