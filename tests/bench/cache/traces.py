"""Generated streams of questions, the same every time. Pure.

Costs are those of a small local model: some hundred milliseconds to half a minute an answer.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable, Iterator, Mapping

from attrs import frozen


@frozen
class Ask:
    """Question `number`, whose answer takes `cost_ms` to make and `size` bytes to keep."""

    number: int
    cost_ms: float
    size: int


def zipf_numbers(rng: random.Random, entries: int, count: int, exponent: float = 1.0) -> list[int]:
    """`count` numbers below `entries`; the k-th most frequent comes as often as 1 / k^exponent."""
    weights = itertools.accumulate(1 / rank**exponent for rank in range(1, entries + 1))
    cumulated = list(weights)
    # Frequent ones are not stored first, or they would lie together in the file.
    names = list(range(entries))
    rng.shuffle(names)
    return [
        names[bisect.bisect_left(cumulated, rng.random() * cumulated[-1])] for _ in range(count)
    ]


def skewed(length: int, seed: int = 1) -> Iterator[Ask]:
    """Few questions come often, all cost and weigh about the same."""
    rng = random.Random(seed)
    for number in zipf_numbers(rng, length // 4, length):
        yield Ask(number, 1500.0 + number % 500, 900 + number % 200)


def scanning(length: int, seed: int = 2) -> Iterator[Ask]:
    """A day's frequent questions, and batches that run through thousands of texts once."""
    rng = random.Random(seed)
    often = iter(zipf_numbers(rng, length // 20, length))
    scanned = length
    left = length
    while left > 0:
        for _ in range(min(left, length // 20)):
            number = next(often)
            yield Ask(number, 1500.0 + number % 500, 900 + number % 200)
        left -= length // 20
        for _ in range(min(left, length // 20)):
            scanned += 1
            yield Ask(scanned, 1500.0 + scanned % 500, 900 + scanned % 200)
        left -= length // 20


def mixed(length: int, seed: int = 3) -> Iterator[Ask]:
    """Short and long answers of quick and slow models: cost and size are log-normal and apart."""
    rng = random.Random(seed)
    kinds: dict[int, Ask] = {}
    for number in zipf_numbers(rng, length // 4, length, exponent=0.8):
        if number not in kinds:
            cost_ms = min(30_000.0, rng.lognormvariate(6.7, 1.2))
            kinds[number] = Ask(number, cost_ms, int(min(30_000, rng.lognormvariate(7.3, 1.0))))
        yield kinds[number]


TRACES: Mapping[str, Callable[[int], Iterator[Ask]]] = {
    "skewed": skewed,
    "scanning": scanning,
    "mixed cost and size": mixed,
}


def weight(trace: Callable[[int], Iterator[Ask]], length: int) -> int:
    """Bytes of all the different answers of a trace."""
    return sum({ask.number: ask.size for ask in trace(length)}.values())
