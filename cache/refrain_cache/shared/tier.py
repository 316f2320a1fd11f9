"""The tier below the file: answers that other machines have, and whose turn it is to make one.

Whatever becomes of the server, nothing here raises but what people ask of it (`look`, `purge`).
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import frozen

from refrain_cache import codec
from refrain_cache.codec import DamagedError, Encoded
from refrain_cache.entry import NewEntry, Selection, encoded_entry
from refrain_cache.fingerprint import Fingerprint
from refrain_cache.settings import SharedSettings
from refrain_cache.shared.faults import ForeignKey, Unavailable
from refrain_cache.shared.lease import Lease, Leases
from refrain_cache.shared.link import Link
from refrain_cache.shared.names import Names
from refrain_cache.shared.purge import purge
from refrain_cache.shared.reads import Reads
from refrain_cache.shared.value import (
    LARGEST_BYTES,
    LARGEST_UNPACKED,
    RefusedError,
    seal,
    unseal,
)
from refrain_cache.threads import in_thread
from refrain_cache.timing import Clock, Timing

log = logging.getLogger("refrain.cache")

# The longest expiry, in ms, that servers take with room to spare: a thousand years.
_LONGEST_MS = 1000 * 31_557_600_000


@frozen
class Arrived:
    """An answer from another machine, fit to be stored here, and its value."""

    new: NewEntry
    value: Any


class SharedTier:
    """One server for one event loop.

    `changed` is called when it is left out or taken in again, `refused` with the question to which
    it had what was never put there.
    """

    def __init__(
        self,
        settings: SharedSettings,
        clock: Clock,
        timing: Timing,
        *,
        changed: Callable[[], None],
        refused: Callable[[Fingerprint], None],
    ) -> None:
        self.link = Link(settings, clock, timing, changed)
        self._now = clock.now
        self._refused = refused
        self._has_refused = False
        self._names = Names(settings.namespace)
        self._reads = Reads(self.link)
        self._leases = Leases(self.link, self._names, timing)

    def open(self) -> None:
        self.link.open()

    async def close(self) -> None:
        await self._reads.close()
        await self._leases.close()
        await self.link.close()

    async def get(self, fp: Fingerprint) -> Arrived | None:
        """The answer to a question, if another machine has put it there."""
        try:
            data = await self._reads.get(self._names.answer(fp.key))
            return await self._arrived(data, fp) if data else None
        except Unavailable:
            return None
        except (RefusedError, DamagedError, ForeignKey) as error:
            self._refuse(fp, error)
            return None

    async def turn(self, fp: Fingerprint, *, fresh: bool, wait: bool) -> Lease | Arrived | None:
        """Wait until it is our turn to compute an answer, or until another machine has.

        None: compute without a lease. That is where the server cannot be asked, and where waiting
        would be in vain, or is not wanted.
        """
        with contextlib.suppress(Unavailable, ForeignKey):
            got = await self._leases.turn(fp.key, fresh=fresh, wait=wait)
            if not isinstance(got, bytes):
                return got
            try:
                arrived = await self._arrived(got, fp)
            except (RefusedError, DamagedError) as error:
                self._refuse(fp, error)
                arrived = None
            if arrived is not None:
                return arrived
            # What is there is to be replaced.
            got = await self._leases.turn(fp.key, fresh=True, wait=False)
            return got if isinstance(got, Lease) else None
        return None

    async def put(self, new: NewEntry, lease: Lease | None) -> None:
        """Put an answer there, and end the lease it was computed under."""
        with contextlib.suppress(Unavailable, ForeignKey):
            value = seal(new, self._now(), self.link.secret)
            ttl_ms = None if new.ttl is None else min(max(int(new.ttl * 1e3), 1), _LONGEST_MS)
            if len(value) > LARGEST_BYTES:
                log.debug("An answer of %d bytes is not shared: it is too large.", len(value))
                if lease is not None:
                    await self._leases.give_back(lease, in_vain=True)
            elif lease is not None:
                await self._leases.store(lease, value, ttl_ms)
            else:
                name = self._names.answer(new.fingerprint.key)
                await self.link.ask(lambda client: client.set(name, value, px=ttl_ms), writing=True)

    async def give_back(self, lease: Lease, *, in_vain: bool) -> None:
        """End a lease without an answer; `in_vain` if others would end so, too."""
        with contextlib.suppress(Unavailable, ForeignKey):
            await self._leases.give_back(lease, in_vain=in_vain)

    async def find(self, key: str) -> Fingerprint | None:
        """What the answer under a key was asked by, if it is there and is what was put there."""
        try:
            data = await self._reads.get(self._names.answer(key))
            return unseal(data, key, self.link.secret).fingerprint if data else None
        except (Unavailable, RefusedError, ForeignKey):
            return None

    async def purge(self, selection: Selection, *, dry_run: bool) -> int:
        """As `purge.purge`."""
        return await purge(self.link, self._names, selection, self._now(), dry_run=dry_run)

    async def _arrived(self, data: bytes, fp: Fingerprint) -> Arrived | None:
        """What is in a value; None if it has expired. Raises RefusedError, DamagedError."""
        shared = unseal(data, fp.key, self.link.secret, asked=fp)
        left_s = shared.expires_at - self._now()
        if left_s <= 0:
            return None
        stored, packed, digest, _ = encoded = shared.encoded
        if len(stored) > codec.LARGE_BYTES:
            value = await in_thread(partial(codec.decode, stored, packed, digest, LARGEST_UNPACKED))
        else:
            value = codec.decode(stored, packed, digest, LARGEST_UNPACKED)
            encoded = Encoded(stored, packed, digest, codec.copied(value))
        new = encoded_entry(
            fp,
            encoded,
            ttl=None if left_s == math.inf else left_s,
            cost_ms=shared.cost_ms,
            label=shared.label,
            model=shared.model,
        )
        return Arrived(new, value)

    def _refuse(self, fp: Fingerprint, error: Exception) -> None:
        self._refused(fp)
        level = logging.DEBUG if self._has_refused else logging.WARNING
        self._has_refused = True
        log.log(level, "What the shared tier has for %s is refused: %s.", fp.key[:12], error)
