"""Submitting: jobs go in as there is room for them, and what came of them comes out in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice, takewhile
from typing import Any, Generic, TypeVar

from attrs import define

from refrain_sidecar.queue.errors import JobRefused
from refrain_sidecar.queue.job import MAX_JOB_BYTES, Job, Seal, job_id
from refrain_sidecar.queue.queue import Queue, Submitted

# Put in, or fetched, at once.
_BATCH = 200
# The first jobs are looked at so often: they may have been lost, or fetched by somebody else.
_LOOK_EVERY_S = 2.0

T = TypeVar("T")


@define
class _Asked(Generic[T]):
    """Whom it is for; the job, None where there is nothing to be done.

    `ready`: there is a result, or a `refusal`: why there will be none.
    """

    whom: T
    job: Submitted | None
    ready: bool = False
    refusal: str | None = None


class Submission(Generic[T]):
    """One submitter's jobs, of which at most `queue.max_length` are under way.

    A job is named by what it says. So what is in the queue is not put in twice, what is done is
    only fetched, and submitting the same again after a stop goes on from there.
    """

    def __init__(self, queue: Queue, seal: Seal) -> None:
        self._queue = queue
        self._seal = seal
        self._asked: deque[_Asked[T]] = deque()
        self._by_id: dict[str, _Asked[T]] = {}
        self._outside: deque[_Asked[T]] = deque()
        # How many to try to put in at once: few while the queue is full.
        self._room = _BATCH
        self._looked_at = time.monotonic()

    async def results(
        self, jobs: Iterable[tuple[T, Job | None]]
    ) -> AsyncIterator[tuple[T, dict[str, Any] | str | None]]:
        """For each job its result or, as text, why there is none; for no job None. In order.

        What was given leaves the server once what follows is asked for: then it has been written.
        Raises QueueError.
        """
        coming = iter(jobs)
        place = await self._queue.latest_news()
        while (more := await self._put_in_some(coming)) or self._asked:
            fetched: list[str] = []
            async for one, came in self._first_ready():
                yield one.whom, came
                if one.job is not None:
                    del self._by_id[one.job.id]
                    fetched.append(one.job.id)
            if fetched:
                await self._queue.forget(fetched)
            if fetched or more:
                continue
            await self._look()
            if self._asked and not self._asked[0].ready:
                place, ids = await self._queue.news(place)
                self._heard(ids)

    async def _put_in_some(self, coming: Iterator[tuple[T, Job | None]]) -> bool:
        """Whether there may be room for more of what is still to come."""
        if not self._outside:
            free = self._queue.settings.max_length - len(self._asked)
            new = [self._made(*one) for one in islice(coming, max(0, min(_BATCH, free)))]
            self._asked.extend(new)
            self._outside.extend(one for one in new if not one.ready)
            if not self._outside:
                return bool(new)
        some = list(islice(self._outside, self._room))
        full = await self._put_in(some)
        for _ in range(len(some) - full):
            self._outside.popleft()
        self._room = 1 if full else _BATCH
        return not full

    def _made(self, whom: T, job: Job | None) -> _Asked[T]:
        if job is None:
            return _Asked(whom, None, ready=True)
        body = job.encoded()
        if len(body) > MAX_JOB_BYTES:
            refusal = f"{len(body):,} bytes, more than {MAX_JOB_BYTES:,}"
            return _Asked(whom, None, ready=True, refusal=refusal)
        submitted = Submitted(job_id(body), body, self._seal.of_job(body))
        made = self._by_id[submitted.id] = _Asked(whom, submitted)
        return made

    async def _put_in(self, some: Sequence[_Asked[T]]) -> int:
        """See to it that these are in the queue, or done. Returns for how many it was full."""
        told = await self._queue.submit([one.job for one in some if one.job is not None])
        for one, how in zip(some, told, strict=True):
            dead, _, reason = how.partition(":")
            if dead == "dead":
                one.refusal = f"{reason} (a dead letter: see `refrain queue`)"
            one.ready = how == "done" or dead == "dead"
        return told.count("full")

    async def _first_ready(
        self,
    ) -> AsyncIterator[tuple[_Asked[T], dict[str, Any] | str | None]]:
        """What came of the first jobs, as far as all before them are ready."""
        ready = list(takewhile(lambda one: one.ready, islice(self._asked, _BATCH)))
        ids = [one.job.id for one in ready if one.job is not None and one.refusal is None]
        written = dict(zip(ids, await self._queue.results(ids), strict=True)) if ids else {}
        for one in ready:
            came: dict[str, Any] | str | None = one.refusal
            if came is None and one.job is not None:
                found = written[one.job.id]
                if found is None:
                    # Buried; or it expired, was evicted, or another submitter of the same has it.
                    one.ready = False
                    await self._put_in([one])
                    return
                came = self._opened(one.job.id, found)
            self._asked.popleft()
            yield one, came

    def _opened(self, id_: str, written: bytes) -> dict[str, Any] | str:
        try:
            return self._seal.result(id_, written)
        except JobRefused as refusal:
            return str(refusal)

    def _heard(self, ids: Sequence[str]) -> None:
        for id_ in self._by_id.keys() & ids:
            self._by_id[id_].ready = True
        if self._room < _BATCH:
            self._room = max(1, len(ids))

    async def _look(self) -> None:
        """See that nothing was lost: of the first jobs now and then, of all after an outage."""
        now = time.monotonic()
        was_away = self._queue.back_at > self._looked_at
        if not was_away and now - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        inside = islice(self._asked, len(self._asked) - len(self._outside))
        under_way = [one for one in inside if not one.ready]
        for start in range(0, len(under_way) if was_away else 1, _BATCH):
            if some := under_way[start : start + _BATCH]:
                await self._put_in(some)
