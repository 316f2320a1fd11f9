"""One engine run between machines: a key on the server says whose turn it is, until it expires.

Its value is the owner's token. The owner puts the expiry off while it lives; whoever finds the key
gone takes its turn. An answer is put there in one step with a look at the token, so that an owner
that was thought dead, and is not, does not replace what another has put there meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Any, Final

from attrs import frozen

from refrain_cache.shared.bell import IN_VAIN, Bell
from refrain_cache.shared.faults import ForeignKey, Unavailable
from refrain_cache.shared.link import Link
from refrain_cache.shared.names import Names
from refrain_cache.shared.value import LARGEST_BYTES
from refrain_cache.timing import Timing

# KEYS: the answer, the lease. ARGV: the token, ms until it expires, the longest answer, "fresh".
# Gives the answer if it is there (and not to be made afresh), an empty text if the lease is ours,
# else the milliseconds another's is good for.
_ACQUIRE: Final = """
if ARGV[4] == '' then
    local answer = redis.call('GETRANGE', KEYS[1], 0, ARGV[3])
    if answer ~= '' then return answer end
end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return '' end
local left = redis.call('PTTL', KEYS[2])
if left < 0 then
    -- Nobody of us makes one that stays for ever.
    redis.call('PEXPIRE', KEYS[2], ARGV[2])
    left = tonumber(ARGV[2])
end
return left
"""
# ARGV: the token, ms until it expires. A server that was begun anew has lost the lease.
_BEAT: Final = """
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] then return redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
if not holder and redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
return 0
"""
# ARGV: the token, the channel, the key, the value, ms until that expires or an empty text.
_STORE: Final = """
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return 0 end
if not holder and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if ARGV[5] == '' then
    redis.call('SET', KEYS[1], ARGV[4])
else
    redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
"""
# ARGV: the token, the channel, what to tell there.
_GIVE_BACK: Final = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('DEL', KEYS[2])
    redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return 0
"""
# Who waits looks by itself so often, should it not be told.
_LOOK_S = 1.0


@frozen
class Lease:
    """It is this process's turn to compute the answer of `key`."""

    key: str
    token: str


class Leases:
    """The leases of one event loop. All verbs raise Unavailable and ForeignKey."""

    def __init__(self, link: Link, names: Names, timing: Timing) -> None:
        self._link = link
        self._names = names
        self._bell = Bell(link, names.ended)
        self._beat_s = timing.beat
        self._good_ms = int(timing.stale_after * 1e3)
        self._held: set[Lease] = set()
        self._beating: asyncio.Task[None] | None = None

    async def turn(self, key: str, *, fresh: bool, wait: bool) -> Lease | bytes | None:
        """Wait until it is our turn, or until another machine has put an answer there.

        None where it is neither: another computes and `wait` is false, or did so in vain.
        """
        got = await self._acquire(key, fresh)
        if not wait or not isinstance(got, int):
            return None if isinstance(got, int) else got
        try:
            while True:
                ring = await self._bell.hears(key)
                # Again: it may have ended before anybody listened.
                got = await self._acquire(key, fresh)
                if not isinstance(got, int):
                    return got
                told = await ring.wait(min(got / 1e3, _LOOK_S))
                if told == IN_VAIN:
                    return None
        finally:
            self._bell.forget(key)

    async def store(self, lease: Lease, value: bytes, ttl_ms: int | None) -> None:
        """Put an answer there and end its lease, unless another has had its turn meanwhile."""
        told = (self._names.ended, lease.key)
        await self._end(lease, _STORE, *told, value, "" if ttl_ms is None else ttl_ms)

    async def give_back(self, lease: Lease, *, in_vain: bool) -> None:
        """End a lease without an answer. `in_vain`: those who wait shall not try one by one."""
        told = lease.key + IN_VAIN if in_vain else lease.key
        await self._end(lease, _GIVE_BACK, self._names.ended, told)

    async def close(self) -> None:
        await self._bell.close()
        if self._beating is not None:
            self._beating.cancel()

    async def _acquire(self, key: str, fresh: bool) -> Lease | bytes | int:
        """The lease, or the answer, or for how many ms another's lease is good."""
        lease = Lease(key, secrets.token_hex(8))
        # Should the reply be lost, it expires.
        said = (self._good_ms, LARGEST_BYTES, "fresh" if fresh else "")
        got: bytes | int = await self._run(lease, _ACQUIRE, *said)
        if got != b"":
            return got
        self._held.add(lease)
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())
        return lease

    async def _end(self, lease: Lease, script: str, *said: str | bytes | int) -> None:
        self._held.discard(lease)
        await self._run(lease, script, *said)

    async def _beat(self) -> None:
        while self._held:
            await asyncio.sleep(self._beat_s)
            for lease in tuple(self._held):
                # One that cannot be kept is another's after a while.
                with contextlib.suppress(Unavailable, ForeignKey):
                    await self._run(lease, _BEAT, self._good_ms)
        self._beating = None

    async def _run(self, lease: Lease, script: str, *said: str | bytes | int) -> Any:
        names = (self._names.answer(lease.key), self._names.lease(lease.key))
        return await self._link.ask(
            lambda client: client.eval(script, len(names), *names, lease.token, *said),
            writing=True,
        )
