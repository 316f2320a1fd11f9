"""What one run holds while it computes: leases, which end with an answer or are given back."""

from __future__ import annotations

import asyncio
import logging

from attrs import define

from refrain_cache.entry import NewEntry
from refrain_cache.lookup.tiers import Tiers
from refrain_cache.shared.lease import Lease
from refrain_cache.shared.tier import SharedTier
from refrain_cache.sqlite.lease import Owned
from refrain_cache.sqlite.store import Store

log = logging.getLogger("refrain.cache")


@define
class Turn:
    """The leases of the run for `key`: `owned` between processes, `lease` between machines."""

    tiers: Tiers
    key: str
    owned: tuple[Store, Owned] | None = None
    lease: tuple[SharedTier, Lease] | None = None

    def keep(self, new: NewEntry) -> bool:
        """Keep an answer that was computed here, for other machines too; see `Tiers.fill`."""
        lease, self.lease = self.lease, None
        self.tiers.share(new, lease[1] if lease is not None else None)
        return self.fill(new)

    def fill(self, new: NewEntry) -> bool:
        """Keep an answer that another machine has given; see `Tiers.fill`."""
        filled = self.tiers.fill(new, self.owned[1] if self.owned is not None else None)
        if filled:
            self.owned = None
        return filled

    def give_back(self, error: str | None) -> None:
        """End without an answer what is still held: waiters take over, or are told `error`."""
        if self.owned is not None:
            store, owned = self.owned
            store.lease_ended()
            store.give_back(self.key, owned.token, error).add_done_callback(_looked_at)
        if self.lease is not None:
            shared, lease = self.lease
            self.tiers.run_behind(shared.give_back(lease, in_vain=error is not None))
        self.owned = self.lease = None


def _looked_at(future: asyncio.Future[None]) -> None:
    # A lease that could not be given back is taken over once its beat stands still.
    if not future.cancelled() and future.exception() is not None:
        log.debug("A lease was not given back: %s", future.exception())
