"""A miss from end to end: file, flight, engine; and the one outcome it ends in."""

from __future__ import annotations

from typing import Any

from refrain_cache.accounts import explain
from refrain_cache.accounts.books import Books
from refrain_cache.accounts.explain import Facts
from refrain_cache.clock import Clock
from refrain_cache.entry import Explanation
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.lookup import computing
from refrain_cache.lookup.computing import Computed, Question, RefusedError
from refrain_cache.lookup.flight import Flight, Flights
from refrain_cache.lookup.tiers import Tiers
from refrain_cache.outcome import Outcome, OutcomeName
from refrain_cache.timing import Timing

SWITCHED_OFF = "the cache is switched off (caching.enabled is false)"

_TOO_LARGE = "it is larger than caching.max_bytes"


class Answering:
    """Answers questions, computing each miss once."""

    def __init__(self, tiers: Tiers, books: Books, clock: Clock, timing: Timing) -> None:
        self._tiers = tiers
        self._books = books
        self._clock = clock
        self._tick = clock.tick
        self._timing = timing
        self._flights: Flights[Computed] = Flights()

    async def close(self) -> None:
        """Cancel every run under way."""
        await self._flights.close()

    async def missed(self, fp: Fingerprint) -> None:
        """Count a lookup that found nothing and computes nothing."""
        if self._bypass_reason() is not None:
            self._books.counters.bypassed((fp.kind, fp.model))
        else:
            why = await self._why_missed(fp)
            self._books.counters.miss((fp.kind, fp.model), explain.cause_of(why), None)
            self._books.missed(why)
        self._books.changed()

    async def answer(self, question: Question, started: float) -> Outcome[Any]:
        """The answer to what is not in memory, stored or computed; counted."""
        fp = question.print
        flight = self._flights.get(fp.key)
        if flight is None and not question.fresh:
            hit = await self._tiers.from_disk(fp, started)
            # Others went on while the file was read: look again at what takes no time.
            hit = hit or self._tiers.from_memory(fp.key, started)
            if hit is not None:
                return hit
            flight = self._flights.get(fp.key)
        looked_ms = (self._tick() - started) * 1e3
        if flight is not None:
            return await self._join(question, flight, looked_ms, started)
        return await self._lead(question, looked_ms, started)

    async def compute_uncached(self, question: Question, started: float) -> Outcome[Any]:
        """The answer with the cache switched off: no tier, no flight, no file."""
        group = (question.print.kind, question.model)
        try:
            value = await question.compute()
            if question.validate is not None:
                question.validate(value)
        finally:
            self._books.counters.bypassed(group)
            self._books.changed()
        total_ms = (self._tick() - started) * 1e3
        return Outcome(
            value, "bypass", None, question.print.key, SWITCHED_OFF, 0.0, total_ms, total_ms, 0.0
        )

    async def _join(
        self, question: Question, flight: Flight[Computed], looked_ms: float, started: float
    ) -> Outcome[Any]:
        key = question.print.key
        try:
            done = await self._flights.join(key, flight)
        except RefusedError as refused:
            raise refused.error from None
        finally:
            self._books.counters.coalesced((question.print.kind, question.model))
            self._books.changed()
        return self._outcome(key, "coalesced", None, done, done.copy(), looked_ms, started)

    async def _lead(self, question: Question, looked_ms: float, started: float) -> Outcome[Any]:
        fp, counters = question.print, self._books.counters
        group = (fp.kind, question.model)
        why = explain.asked_afresh(fp)

        async def run() -> Computed:
            nonlocal why
            if not question.fresh:
                # Before the answer is stored, or it would be found.
                why = await self._why_missed(fp)
            tiers = self._tiers
            return await computing.compute(
                question, tiers.writable, self._clock, self._timing, tiers.keep
            )

        flight = self._flights.start(fp.key, run)
        ended: OutcomeName = "miss"
        total_ms: float | None = None
        reason: str | None = None
        try:
            done = await self._flights.join(fp.key, flight)
            total_ms = (self._tick() - started) * 1e3
            trouble = self._bypass_reason()
            if done.elsewhere:
                ended = "coalesced"
            elif done.refusal is not None:
                ended, reason = "refused", done.refusal
            elif not done.keeping:
                ended, reason = ("bypass", trouble) if trouble else ("refused", _TOO_LARGE)
            else:
                reason = why.cause
        except RefusedError as refused:
            ended = "refused"
            raise refused.error from None
        finally:
            if ended == "miss":
                counters.miss(group, explain.cause_of(why), total_ms)
                self._books.missed(why)
            elif ended == "coalesced":
                counters.coalesced(group)
            elif ended == "refused":
                counters.refused(group)
            else:
                counters.bypassed(group)
            self._books.changed()
        return self._outcome(fp.key, ended, reason, done, done.value, looked_ms, started)

    def _outcome(
        self,
        key: str,
        ended: OutcomeName,
        reason: str | None,
        done: Computed,
        value: Any,
        looked_ms: float,
        started: float,
    ) -> Outcome[Any]:
        total_ms = (self._tick() - started) * 1e3
        return Outcome(value, ended, None, key, reason, looked_ms, total_ms, done.cost_ms, 0.0)

    async def _why_missed(self, fp: Fingerprint) -> Explanation:
        facts = await self._tiers.read(lambda store: store.facts(fp, far=False))
        return explain.explain(fp, facts or Facts(), self._clock.now())

    def _bypass_reason(self) -> str | None:
        if self._tiers.store is None:
            return SWITCHED_OFF
        trouble = self._tiers.trouble
        return trouble.reason if trouble is not None else None
