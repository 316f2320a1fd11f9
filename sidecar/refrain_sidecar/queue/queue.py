"""The queue on its server: every step that a submitter, a worker or its owner takes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from refrain_sidecar.config.settings import QueueSettings
from refrain_sidecar.queue.errors import QueueError
from refrain_sidecar.queue.job import MAX_JOB_BYTES
from refrain_sidecar.queue.scripts import (
    BURY,
    CALL_OFF,
    DROP,
    FINISH,
    GIVE_BACK,
    LEAVE,
    RENEW,
    RETRY,
    SUBMIT,
    TAKE,
    Script,
)
from refrain_sidecar.queue.server import Server
from refrain_sidecar.queue.state import Letter, QueueState, Running

if TYPE_CHECKING:
    from redis.asyncio import Redis

_GROUP: Final = "workers"
# How long one blocking read waits: whoever is told to stop meanwhile stops after it.
_BLOCK_MS: Final = 1000
# News of what was finished that are kept. Who misses some asks for the jobs themselves.
_NEWS: Final = 10_000
# Consumers that were killed, and hold nothing, are forgotten after a day.
_FORGOTTEN_MS: Final = 86_400_000
_PAGE: Final = 500
_LETTERS_SHOWN: Final = 20


@frozen
class Names:
    """The keys of a queue. What is in braces puts all of them into one slot of a cluster."""

    namespace: str

    @property
    def jobs(self) -> str:
        """Stream: what is waiting or running; its group's pending entries say who is at which."""
        return self._named("jobs")

    @property
    def ids(self) -> str:
        """Hash: a job's id → its entry among the jobs, or `dead:` and its letter."""
        return self._named("ids")

    @property
    def since(self) -> str:
        """Hash: the entry of a running job → when it was taken, in Unix seconds."""
        return self._named("since")

    @property
    def dead(self) -> str:
        """Stream: jobs that were given up, and why."""
        return self._named("dead")

    @property
    def finished(self) -> str:
        """Stream: ids of jobs as they are finished or given up, the latest ones."""
        return self._named("finished")

    @property
    def counts(self) -> str:
        """Hash: how many were ever done and buried."""
        return self._named("counts")

    def result(self, id_: str) -> str:
        """String that expires: what came of a job, until its submitter has it."""
        return self._named(f"result:{id_}")

    def _named(self, what: str) -> str:
        return f"{self.namespace}:{{queue}}:{what}"


@frozen
class Submitted:
    """A job as it is put in."""

    id: str
    body: bytes
    seal: str


@frozen
class Claim:
    """A job that is its consumer's until finished, buried, given back, or taken over by another.

    `size` is its body's in bytes; -1 for a message without one. A body over the limit is not here.
    """

    entry: str
    consumer: str
    attempt: int
    size: int
    body: bytes
    seal: str


class Queue:
    """What can be done to it. Everything raises QueueError, and waits if its server is patient."""

    def __init__(self, server: Server, namespace: str, settings: QueueSettings) -> None:
        self.settings = settings
        self._server = server
        self._names = Names(namespace)
        self._claim_ms = round(settings.claim_seconds * 1000)

    async def close(self) -> None:
        await self._server.close()

    @property
    def back_at(self) -> float:
        """When its server came back after it was away last, by the monotonic clock."""
        return self._server.back_at

    # --- submitting -------------------------------------------------------------------------------

    async def submit(self, jobs: Sequence[Submitted]) -> list[str]:
        """Put in those that are not there. For each: added, held, done, full, `dead:` and why."""
        names = self._names
        keys = [names.jobs, names.ids, names.dead, *(names.result(job.id) for job in jobs)]
        arguments = [part for job in jobs for part in (job.id, job.body, job.seal)]
        told = await self._server.run(SUBMIT, keys, self.settings.max_length, *arguments)
        return [_text(one) for one in told]

    async def latest_news(self) -> str:
        """Where news stand: what is finished from now on comes after it."""
        found = await self._server.ask(lambda r: r.xrevrange(self._names.finished, count=1))
        return _text(found[0][0]) if found else "0-0"

    async def news(self, after: str) -> tuple[str, list[str]]:
        """The ids finished or buried after a place, and the place behind them; waits a second."""
        asked: Any = {self._names.finished: after}
        found = await self._server.ask(lambda r: r.xread(asked, count=_NEWS, block=_BLOCK_MS))
        entries = found[0][1] if found else []
        ids = [_text(fields.get(b"id", b"")) for _, fields in entries]
        return (_text(entries[-1][0]) if entries else after), ids

    async def results(self, ids: Sequence[str]) -> list[bytes | None]:
        """What was written for each."""
        keys = [self._names.result(id_) for id_ in ids]
        written: list[bytes | None] = await self._server.ask(lambda r: r.mget(keys))
        return written

    async def forget(self, ids: Sequence[str]) -> None:
        """Delete results that their submitter has."""
        await self._server.ask(lambda r: r.delete(*(self._names.result(id_) for id_ in ids)))

    # --- working ----------------------------------------------------------------------------------

    async def take(self, consumer: str) -> Claim | None:
        """A job for `consumer`, who has none, or None after a second without one.

        What its worker let lie for longer than a claim lasts comes first. Once the server was away,
        nobody is taken for dead before all had the time to say that they live.
        """
        names = self._names
        # After this many ms without a word a job is anybody's.
        stale_ms = self._claim_ms
        if time.monotonic() - self.back_at < self.settings.claim_seconds / 2:
            stale_ms *= 10
        keys = [names.jobs, names.since]
        asked = (_GROUP, consumer, stale_ms, MAX_JOB_BYTES)
        found = await self._in_group(lambda: self._server.run(TAKE, keys, *asked))
        if found is None:
            # What this gives is pending with the consumer then, and the script finds it.
            await self._in_group(lambda: self._server.ask(lambda r: self._wait(r, consumer)))
            found = await self._in_group(lambda: self._server.run(TAKE, keys, *asked))
        if found is None:
            return None
        entry, attempt, size, body, seal = found
        return Claim(_text(entry), consumer, int(attempt), int(size), body, _text(seal))

    async def renew(self, claim: Claim) -> bool:
        """Say that its worker lives. False if it is another's by now."""
        return await self._mine(RENEW, [self._names.jobs], claim)

    async def finish(self, claim: Claim, id_: str, result: bytes) -> bool:
        """Write its result and take it out. False if it was another's: nothing is written then."""
        names = self._names
        keys = [names.jobs, names.since, names.ids, names.counts, names.finished, names.result(id_)]
        ttl_ms = round(self.settings.result_ttl * 1000)
        return await self._mine(FINISH, keys, claim, id_, result, ttl_ms, _NEWS)

    async def bury(self, claim: Claim, id_: str, reason: str) -> bool:
        """Make a dead letter of it. False if it was another's."""
        names = self._names
        keys = [names.jobs, names.since, names.ids, names.counts, names.finished, names.dead]
        return await self._mine(BURY, keys, claim, id_, reason, _NEWS, MAX_JOB_BYTES)

    async def give_back(self, claim: Claim, *, after_s: float = 0.0, tried: bool = False) -> bool:
        """Let others have it, after a while; not `tried`: as if it had not been taken.

        False if it was another's.
        """
        names = self._names
        idle_ms = max(0, self._claim_ms - round(after_s * 1000))
        return await self._mine(
            GIVE_BACK, [names.jobs, names.since], claim, idle_ms, int(not tried)
        )

    async def leave(self, consumers: Sequence[str]) -> int:
        """Forget these consumers. Returns how many jobs of theirs were given back, as if not taken.

        Others that hold nothing and were killed long ago are forgotten, too.
        """
        keys = [self._names.jobs, self._names.since]
        asked = (_GROUP, self._claim_ms, _FORGOTTEN_MS, *consumers)
        return int(await self._in_group(lambda: self._server.run(LEAVE, keys, *asked)))

    async def _mine(self, script: Script, keys: Sequence[str], claim: Claim, *more: Any) -> bool:
        return bool(
            await self._in_group(
                lambda: self._server.run(script, keys, _GROUP, claim.consumer, claim.entry, *more)
            )
        )

    async def _wait(self, redis: Redis, consumer: str) -> None:
        await redis.xreadgroup(_GROUP, consumer, {self._names.jobs: ">"}, count=1, block=_BLOCK_MS)

    async def _in_group(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """`call()`; where there is no group, on a new or an emptied server, it is made first."""
        try:
            return await call()
        except QueueError as error:
            if "NOGROUP" not in str(error):
                raise
        await self._server.ask(self._make_group)
        return await call()

    async def _make_group(self, redis: Redis) -> None:
        from redis.exceptions import ResponseError

        try:
            await redis.xgroup_create(self._names.jobs, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    # --- looking after it -------------------------------------------------------------------------

    async def state(self) -> QueueState:
        names, ask = self._names, self._server.ask
        await ask(self._make_group)
        since = await ask(lambda r: r.hgetall(names.since))
        pending: list[dict[str, Any]] = []
        if since:
            pending = await ask(
                lambda r: r.xpending_range(names.jobs, _GROUP, "-", "+", 2 * len(since) + _PAGE)
            )
        at_it = [one for one in pending if one["message_id"] in since]
        running = [
            Running(
                await self._id_at(one["message_id"]),
                _text(one["consumer"]).rpartition(":")[0],
                float(since[one["message_id"]]),
                int(one["times_delivered"]),
            )
            for one in at_it
        ]
        counts = await ask(lambda r: r.hgetall(names.counts))
        letters = await ask(lambda r: r.xrevrange(names.dead, count=_LETTERS_SHOWN))
        return QueueState(
            server=self._server.name,
            waiting=await ask(lambda r: r.xlen(names.jobs)) - len(running),
            running=running,
            done=int(counts.get(b"done", 0)),
            dead=await ask(lambda r: r.xlen(names.dead)),
            letters=[_letter(entry, fields) for entry, fields in letters],
            warning=await self._warning(),
        )

    async def _id_at(self, entry: bytes) -> str:
        found = await self._server.ask(lambda r: r.xrange(self._names.jobs, entry, entry))
        return _text(found[0][1].get(b"id", b"")) if found else ""

    async def retry(self, prefixes: Sequence[str]) -> int:
        """Try dead letters again: those whose id begins like one of these, all without any."""
        names = self._names
        keys = [names.jobs, names.ids, names.dead]
        return sum(
            [await self._server.run(RETRY, keys, *page) async for page in self._dead(prefixes)]
        )

    async def drop(self, prefixes: Sequence[str]) -> int:
        """Delete dead letters, as `retry` tries them."""
        keys = [self._names.ids, self._names.dead]
        return sum(
            [await self._server.run(DROP, keys, *page) async for page in self._dead(prefixes)]
        )

    async def call_off(self) -> int:
        """Take out what nobody is at."""
        names, done, start = self._names, 0, "-"
        keys = [names.jobs, names.ids, names.since]
        while start:
            page = (_GROUP, start, _PAGE)
            gone, last = await self._in_group(partial(self._server.run, CALL_OFF, keys, *page))
            done, start = done + gone, _text(last)
        return done

    async def _dead(self, prefixes: Sequence[str]) -> AsyncIterator[list[str]]:
        """The entries of the letters that are meant and are there now, in pages."""
        last = await self._server.ask(lambda r: r.xrevrange(self._names.dead, count=1))
        start, end = "-", _text(last[0][0]) if last else "-"
        while start:
            page = await self._server.ask(partial(self._dead_between, start, end))
            yield [
                _text(entry)
                for entry, fields in page
                if not prefixes or _text(fields.get(b"id", b"")).startswith(tuple(prefixes))
            ]
            start = f"({_text(page[-1][0])}" if page else ""

    async def _dead_between(self, start: str, end: str, redis: Redis) -> Any:
        return await redis.xrange(self._names.dead, min=start, max=end, count=_PAGE)

    async def _warning(self) -> str | None:
        """What of the server's configuration may lose jobs, as far as we are allowed to see it."""
        try:
            told = await self._server.ask(lambda r: r.info("memory"))
        except QueueError:
            return None
        policy = str(told.get("maxmemory_policy", ""))
        if not policy.startswith("allkeys"):
            return None
        return (
            f"maxmemory-policy is {policy}: when it is full the server may throw jobs away. "
            "With volatile-lru it throws away only what expires."
        )


def _letter(entry: bytes, fields: dict[bytes, bytes]) -> Letter:
    return Letter(
        id=_text(fields.get(b"id", b"")),
        reason=_text(fields.get(b"reason", b"")),
        at=int(_text(entry).partition("-")[0]) / 1000,
        attempts=int(fields.get(b"attempts", 0)),
    )


def _text(told: bytes) -> str:
    return told.decode("utf-8", "replace")
