"""Counts what the proxy does, by client, model, endpoint and minute."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Literal

from attrs import define

from refrain_sidecar.serve.figures import Counts, Figures

Came = Literal["hits", "coalesced", "misses", "passed"]
# More names than a page can show come only from somebody who makes them up.
_NAMES: Final = 100
_OTHERS: Final = "others"
_NAME_CHARS: Final = 60
_MINUTES: Final = 60
# Sampled requests that are remembered, by their keys alone: some megabytes.
_SEEN: Final = 50_000


@lru_cache(maxsize=64)
def client_of(user_agent: str) -> str:
    """A client's name as it tells it: the first product, without its version."""
    words = user_agent.split()
    if not words:
        return "unnamed"
    name = words[0].partition("/")[0]
    if len(words) > 1 and words[0].count("/") and not words[1].startswith("("):
        # "OpenAI/Python 2.1": the product is the language it is for.
        name = words[0]
    printable = "".join(sign for sign in name if sign.isprintable())
    return printable[:_NAME_CHARS] or "unnamed"


@define
class Counting:
    """The counts one request goes into."""

    parts: tuple[Counts, ...]
    changed: Callable[[], None]
    _came: Came | None = None

    def came(self, what: Came, saved_ms: float = 0.0, tokens: int = 0) -> None:
        """What came of it; `saved_ms` and `tokens` are what a hit has saved."""
        self._came = what
        for counts in self.parts:
            setattr(counts, what, getattr(counts, what) + 1)
            counts.saved_ms += saved_ms
            counts.saved_tokens += tokens
        self.changed()

    def anew(self) -> None:
        """It is asked anew: what came of it until now counts no longer."""
        if self._came is not None:
            for counts in self.parts:
                setattr(counts, self._came, getattr(counts, self._came) - 1)

    def note(self, what: Literal["unkept", "errors"]) -> None:
        """Its answer was not kept, or never came."""
        for counts in self.parts:
            setattr(counts, what, getattr(counts, what) + 1)
        self.changed()

    def would_hit(self, saved_ms: float) -> None:
        """The policy `all` would have replayed it."""
        for counts in self.parts:
            counts.would_hit += 1
            counts.would_save_ms += saved_ms


class Counters:
    """The figures, and what they are counted by. `changed` is called after every count."""

    def __init__(self, changed: Callable[[], None], now: Callable[[], float] = time.time) -> None:
        self.figures = Figures(since=now())
        self._changed = changed
        self._now = now
        self._seen: OrderedDict[str, float] = OrderedDict()

    def of(self, client: str, model: str, endpoint: str) -> Counting:
        """Where a request is counted."""
        figures, minute = self.figures, int(self._now() // 60) * 60
        if minute not in figures.minutes:
            figures.minutes[minute] = Counts()
            for old in sorted(figures.minutes)[:-_MINUTES]:
                del figures.minutes[old]
        named = (
            (figures.clients, client),
            (figures.models, model),
            (figures.endpoints, endpoint),
        )
        parts = (figures.totals, figures.minutes[minute], *_counts(named))
        return Counting(parts, self._changed)

    def passed_through(self) -> None:
        """A request to another path."""
        self.figures.passed_through += 1
        self._changed()

    def seen(self, key: str) -> float | None:
        """What a sampled request took, in ms, when the same was asked before; else None."""
        return self._seen.get(key)

    def sampled(self, key: str, took_ms: float) -> None:
        """Remember what a sampled request took."""
        self._seen[key] = took_ms
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)


def _counts(named: Any) -> Iterator[Counts]:
    for counts, name in named:
        short = name[:_NAME_CHARS]
        if short not in counts and len(counts) >= _NAMES:
            short = _OTHERS
        yield counts.setdefault(short, Counts())
