"""A miss from end to end: file, flight, engine; and the one outcome it ends in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from attrs import frozen

from refrain_cache.accounts import explain
from refrain_cache.accounts.books import Books
from refrain_cache.accounts.explain import Facts
from refrain_cache.codec import DamagedError, Encoded, is_large
from refrain_cache.entry import Explanation, NewEntry, Outcome, OutcomeName, new_entry
from refrain_cache.errors import EntryError
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.lookup.flight import Flight, Flights, guard, nested
from refrain_cache.lookup.tiers import Tiers
from refrain_cache.lookup.turn import Turn
from refrain_cache.shared.tier import Arrived
from refrain_cache.sqlite.glance import Later
from refrain_cache.sqlite.lease import NOT_KEPT, Owned
from refrain_cache.threads import as_raised, in_thread
from refrain_cache.timing import Clock, Timing

log = logging.getLogger("refrain.cache")

# Causes of misses that only counting knows: a waiter's run failed, or the waiter left.
FAILED, LEFT = "failed", "cancelled"
# Keys whose answers could not be kept are asked without a lease for a while, or callers in other
# processes would run one after another. So many, for so long.
_UNKEPT, _UNKEPT_S = 10_000, 60.0


@frozen
class Question:
    """What `get_or_compute` was asked."""

    fingerprint: Fingerprint
    compute: Callable[[], Awaitable[Any]]
    ttl: float | None
    fresh: bool
    validate: Callable[[Any], None] | None
    label: str | Callable[[Any], str]
    model: str


@frozen
class Computed:
    """A run's answer. `encoded` is None if it cannot be kept, and `refusal` says why.

    `elsewhere`: another process made it. `keeping`: it is on its way into the file.
    """

    value: Any
    encoded: Encoded | None
    cost_ms: float
    elsewhere: bool = False
    keeping: bool = False
    refusal: str | None = None

    def copy(self) -> Any:
        """The answer again, for one more caller to own."""
        return self.value if self.encoded is None else self.encoded.value()


class RefusedError(Exception):
    """Carries what `validate` raised to those who wait."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class Answering:
    """Answers questions, computing each miss once."""

    def __init__(self, tiers: Tiers, books: Books, clock: Clock, timing: Timing) -> None:
        self._tiers = tiers
        self._books = books
        self._clock = clock
        self._tick = clock.tick
        self._timing = timing
        self._flights: Flights[Computed] = Flights()
        self._unkept: OrderedDict[str, float] = OrderedDict()

    async def close(self) -> None:
        """Cancel every run under way."""
        await self._flights.close()

    async def missed(self, fp: Fingerprint) -> None:
        """Count a lookup that found nothing and computes nothing."""
        if self._tiers.bypass_reason is not None:
            self._books.counters.ended((fp.kind, fp.model), "bypass")
        else:
            why = await self._why_missed(fp)
            self._books.counters.ended((fp.kind, fp.model), "miss", explain.cause_of(why))
            self._books.missed(why)
        self._books.changed()

    async def answer(self, question: Question, started: float) -> Outcome[Any]:
        """The answer to what is not in memory, stored or computed; counted."""
        fp = question.fingerprint
        flight = self._flights.get(fp.key)
        if flight is None and not question.fresh:
            hit = self._tiers.at_once(fp, started)
            if isinstance(hit, Later):
                hit = await self._tiers.from_disk(fp, started)
                # Others went on while the file was read: look again at what takes no time.
                hit = hit or self._tiers.from_memory(fp.key, started)
            flight = self._flights.get(fp.key)
            if hit is None and flight is None:
                hit = await self._tiers.from_shared(fp, started)
                flight = self._flights.get(fp.key)
            if hit is not None:
                return hit
        looked_ms = (self._tick() - started) * 1e3
        if flight is not None:
            return await self._join(question, flight, looked_ms, started)
        return await self._lead(question, looked_ms, started)

    async def compute_uncached(self, question: Question, started: float) -> Outcome[Any]:
        """The answer without a cache: no tier, no flight, no file."""
        fp = question.fingerprint
        try:
            value = await question.compute()
            if question.validate is not None:
                question.validate(value)
        finally:
            self._books.counters.ended((fp.kind, question.model), "bypass")
            self._books.changed()
        total_ms = (self._tick() - started) * 1e3
        reason = self._tiers.bypass_reason
        return Outcome(value, "bypass", None, fp.key, reason, 0.0, total_ms, total_ms, 0.0)

    async def _join(
        self, question: Question, flight: Flight[Computed], looked_ms: float, started: float
    ) -> Outcome[Any]:
        key, group = question.fingerprint.key, (question.fingerprint.kind, question.model)
        ended: OutcomeName = "miss"
        cause = FAILED
        try:
            done = await self._flights.join(key, flight)
            ended = "coalesced"
        except RefusedError as refused:
            ended = "refused"
            raise refused.error from None
        except asyncio.CancelledError:
            cause = LEFT
            raise
        finally:
            self._books.counters.ended(group, ended, cause)
            self._books.changed()
        total_ms = (self._tick() - started) * 1e3
        value, cost_ms = done.copy(), done.cost_ms
        return Outcome(value, ended, None, key, None, looked_ms, total_ms, cost_ms, 0.0)

    async def _lead(self, question: Question, looked_ms: float, started: float) -> Outcome[Any]:
        fp, group = question.fingerprint, (question.fingerprint.kind, question.model)
        why = explain.asked_afresh(fp)

        async def run(nested: bool) -> Computed:
            nonlocal why
            if not question.fresh:
                # Before the answer is stored, or it would be found.
                why = await self._why_missed(fp)
            return await self._compute(question, nested)

        flight = self._flights.start(fp.key, partial(run, nested()))
        ended: OutcomeName = "miss"
        total_ms: float | None = None
        reason: str | None = None
        try:
            done = await self._flights.join(fp.key, flight)
            total_ms = (self._tick() - started) * 1e3
            trouble = self._tiers.bypass_reason
            if done.elsewhere:
                ended = "coalesced"
            elif done.refusal is not None:
                ended, reason = "refused", done.refusal
            elif not done.keeping:
                ended, reason = "bypass", trouble
            else:
                reason = why.cause
        except RefusedError as refused:
            ended = "refused"
            raise refused.error from None
        finally:
            self._books.counters.ended(group, ended, explain.cause_of(why), total_ms)
            if ended == "miss":
                self._books.missed(why)
            self._books.changed()
        value, cost_ms = done.value, done.cost_ms
        return Outcome(value, ended, None, fp.key, reason, looked_ms, total_ms, cost_ms, 0.0)

    async def _why_missed(self, fp: Fingerprint) -> Explanation:
        facts = await self._tiers.read(lambda store: store.facts(fp, far=False))
        return explain.explain(fp, facts or Facts(), self._clock.now())

    # --- a run ----------------------------------------------------------------------------------

    async def _compute(self, question: Question, nested: bool) -> Computed:
        """Compute an answer, once between processes and machines, and have it kept if it can be."""
        fp = question.fingerprint
        turn = Turn(self._tiers, fp.key)
        try:
            if not self._was_not_kept(fp.key):
                there = await self._await_turn(turn, question, nested)
                if there is not None:
                    return there
            began = self._tick()
            value = await question.compute()
            cost_ms = (self._tick() - began) * 1e3
            if question.validate is not None:
                try:
                    question.validate(value)
                except BaseException as error:
                    raise RefusedError(error) from error
            keeping = False
            encoded: Encoded | None = None
            refusal: str | None = None
            try:
                new = await entry_of(
                    fp,
                    value,
                    ttl=question.ttl,
                    cost_ms=cost_ms,
                    label=question.label,
                    model=question.model,
                )
                encoded = new.encoded
                keeping = turn.keep(new)
            except EntryError as error:
                refusal = str(error)
                log.warning("An answer (%s) was given, but is not stored: %s.", fp.kind, error)
                self._note_unkept(fp.key)
            turn.give_back(None if refusal is None else NOT_KEPT)
            return Computed(value, encoded, cost_ms, keeping=keeping, refusal=refusal)
        except asyncio.CancelledError:
            turn.give_back(None)
            raise
        except BaseException as error:
            # Its type only: what it says may quote the question.
            cause = error.error if isinstance(error, RefusedError) else error
            turn.give_back(type(as_raised(cause)).__name__)
            raise

    async def _await_turn(self, turn: Turn, question: Question, nested: bool) -> Computed | None:
        """Wait until it is for us to compute; or the answer that somebody else has made."""
        fp, fresh = question.fingerprint, question.fresh
        if (store := self._tiers.writable) is not None:
            got = await guard(store, self._clock, self._timing, fp.key, fresh=fresh, nested=nested)
            if isinstance(got, Owned):
                turn.owned = (store, got)
            elif got is not None:
                value, packed, digest, _, cost_ms, *_ = got
                there = Encoded(value, bool(packed), digest)
                # A damaged one is computed anew.
                with contextlib.suppress(DamagedError):
                    return Computed(there.value(), there, cost_ms, elsewhere=True)
        if (shared := self._tiers.shared) is not None:
            # Never waiting inside another compute: its machine may be waiting for our outer one.
            made = await shared.turn(fp, fresh=fresh, wait=not (fresh or nested))
            if isinstance(made, Arrived):
                with contextlib.suppress(EntryError):
                    turn.fill(made.new)
                turn.give_back(None)
                return Computed(made.value, made.new.encoded, made.new.cost_ms, elsewhere=True)
            if made is not None:
                turn.lease = (shared, made)
        return None

    def _note_unkept(self, key: str) -> None:
        self._unkept[key] = self._tick() + _UNKEPT_S
        self._unkept.move_to_end(key)
        if len(self._unkept) > _UNKEPT:
            self._unkept.popitem(last=False)

    def _was_not_kept(self, key: str) -> bool:
        return self._tick() < self._unkept.get(key, 0.0)


async def entry_of(fingerprint: Fingerprint, value: Any, **given: Any) -> NewEntry:
    """As `new_entry`, whose arguments these are; a large value is encoded beside the loop."""
    if is_large(value):
        return await in_thread(partial(new_entry, fingerprint, value, large=True, **given))
    return new_entry(fingerprint, value, **given)
