"""Working on the queue: so many jobs at a time, each one's claim renewed while it runs."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from attrs import define

from refrain_sidecar.queue.errors import JobRefused, NotNow, QueueError
from refrain_sidecar.queue.job import (
    MAX_JOB_BYTES,
    MAX_RESULT_BYTES,
    Job,
    Seal,
    decoded,
    job_id,
    result_encoded,
)
from refrain_sidecar.queue.queue import Claim, Queue

LOG = logging.getLogger("refrain")

Run = Callable[[Job], Awaitable[Mapping[str, Any]]]

# Renewed so often within a claim: two renewals may be lost before anybody is taken for dead.
_RENEWALS = 3
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_LEAVING_S = 5.0
_REASON_CHARS = 500


@define
class Worked:
    """What became of the jobs that were taken."""

    done: int = 0
    failed: int = 0
    dead: int = 0
    given_back: int = 0
    lost: int = 0


class Worker:
    """Takes jobs one by one and runs them, `concurrency` at a time.

    `run` may raise JobRefused: the job becomes a dead letter. NotNow: it is given back as if never
    taken, and there is a pause. Anything else counts as a try, of which there are `queue.tries`.
    """

    def __init__(self, queue: Queue, seal: Seal, run: Run, concurrency: int) -> None:
        self._queue = queue
        self._seal = seal
        self._run = run
        # No two of these are ever alike, so that being a job's consumer is owning it.
        mark = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._consumers = [f"{mark}-{slot}" for slot in range(concurrency)]
        self._worked = Worked()
        self._away: str | None = None

    async def work(self, stopping: asyncio.Event) -> Worked:
        """Work until `stopping` is set; what runs then has a claim's time to end.

        What is still held after that, or when this is cancelled, is given back. Raises QueueError.
        """
        slots = [asyncio.create_task(self._slot(one, stopping)) for one in self._consumers]
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([*slots, stopped], return_when=asyncio.FIRST_COMPLETED)
            if stopping.is_set():
                await asyncio.wait(slots, timeout=self._queue.settings.claim_seconds)
        finally:
            for task in (stopped, *slots):
                task.cancel()
            ended = await asyncio.gather(*slots, return_exceptions=True)
            # A server that is away now will see by itself that nobody works on these any more.
            with suppress(QueueError, TimeoutError):
                async with asyncio.timeout(_LEAVING_S):
                    self._worked.given_back += await self._queue.leave(self._consumers)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        return self._worked

    async def _slot(self, consumer: str, stopping: asyncio.Event) -> None:
        pause_s = _FIRST_PAUSE_S
        while not stopping.is_set():
            claim = await self._queue.take(consumer)
            if claim is None:
                continue
            if await self._kept_alive(claim):
                pause_s = _FIRST_PAUSE_S
                continue
            # Something is wrong here, perhaps with all jobs: leave some to others.
            with suppress(TimeoutError):
                # Not wait_for: before Python 3.12 that may swallow being cancelled.
                async with asyncio.timeout(pause_s):
                    await stopping.wait()
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _kept_alive(self, claim: Claim) -> bool:
        """Do what was claimed until it is done or another's; whether all went well here."""
        doing = asyncio.create_task(self._do(claim))
        losing = asyncio.create_task(self._renewed(claim))
        try:
            await asyncio.wait([doing, losing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            doing.cancel()
            losing.cancel()
            ended = await asyncio.gather(doing, losing, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        if doing.cancelled():
            self._lost(claim)
            return True
        return doing.result()

    async def _renewed(self, claim: Claim) -> None:
        """Say again and again that its worker lives; ends when it is another's."""
        held = True
        while held:
            await asyncio.sleep(self._queue.settings.claim_seconds / _RENEWALS)
            held = await self._queue.renew(claim)

    async def _do(self, claim: Claim) -> bool:
        """Whether it came to a result, or could not; False if it failed here."""
        # Where the body was left out, the entry stands for it.
        id_ = job_id(claim.body or claim.entry.encode())
        tries = self._queue.settings.tries
        try:
            job = self._read(claim)
            if claim.attempt > tries:
                raise JobRefused(f"the worker was lost every time it was tried ({tries} times)")
            result = self._seal.on_result(id_, result_encoded(await self._run(job)))
            if len(result) > MAX_RESULT_BYTES:
                raise JobRefused(f"its result is longer than {MAX_RESULT_BYTES:,} bytes")
        except JobRefused as refusal:
            await self._bury(claim, id_, str(refusal))
        except NotNow as away:
            if self._away != str(away):
                LOG.warning("%s The queue waits for it.", away)
            self._away = str(away)
            if await self._queue.give_back(claim):
                self._worked.given_back += 1
            return False
        except Exception as error:
            reason = str(error) or type(error).__name__
            LOG.warning("Try %d of %d failed: %s", claim.attempt, tries, reason)
            if claim.attempt >= tries:
                await self._bury(claim, id_, reason)
            elif await self._queue.give_back(claim, after_s=2**claim.attempt, tried=True):
                self._worked.failed += 1
            return False
        else:
            self._away = None
            if await self._queue.finish(claim, id_, result):
                self._worked.done += 1
            else:
                self._lost(claim)
        return True

    def _read(self, claim: Claim) -> Job:
        """The job that was claimed. Raises JobRefused."""
        if claim.size < 0:
            raise JobRefused("a message without a job")
        if claim.size > MAX_JOB_BYTES:
            raise JobRefused(f"{claim.size:,} bytes, more than {MAX_JOB_BYTES:,}")
        self._seal.check_job(claim.body, claim.seal)
        return decoded(claim.body)

    async def _bury(self, claim: Claim, id_: str, reason: str) -> None:
        if await self._queue.bury(claim, id_, reason[:_REASON_CHARS]):
            LOG.warning("Given up, a dead letter: %s", reason[:_REASON_CHARS])
            self._worked.dead += 1
        else:
            self._lost(claim)

    def _lost(self, claim: Claim) -> None:
        LOG.warning("Another worker has taken over what took too long here (%s).", claim.entry)
        self._worked.lost += 1
