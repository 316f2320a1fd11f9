"""A Selection on the server: our own answers there, found step by step, and deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import attrs

from refrain_cache.entry import Selection
from refrain_cache.shared.faults import ForeignKey, is_foreign
from refrain_cache.shared.link import Link
from refrain_cache.shared.names import Names
from refrain_cache.shared.value import LARGEST_BYTES, RefusedError, Shared, unseal

# Where other programs have keys, a few of so many may be ours.
_SCANNED = 1000
# As many as may be read at a time: values of a megabyte at worst.
_STEP = 32
# Nobody's lookup waits for a purge.
_PATIENCE_S = 5.0


async def purge(
    link: Link, names: Names, selection: Selection, now: float, *, dry_run: bool
) -> int:
    """Delete the answers that a selection means, whoever put them there; how many.

    A dry run only counts. Other keys are left alone. Raises Unavailable; some may be gone by then.
    Raises ValueError for `least_used`: the server does not count uses.
    """
    if selection.least_used is not None:
        raise ValueError("The shared tier does not count uses: purge it without least_used.")
    prefix = (selection.key_prefix or "").strip().lower()
    asked = attrs.evolve(selection, everything=False, key_prefix=None, shared=False)
    if asked == Selection() and not selection.everything and not prefix:
        return 0

    async def begin(client: Any) -> AsyncIterator[bytes]:
        scan: AsyncIterator[bytes] = client.scan_iter(names.answers(prefix), _SCANNED)
        return scan

    async def read(client: Any) -> list[bytes | ForeignKey]:
        pipeline = client.pipeline(transaction=False)
        for name in map(names.answer, keys):
            pipeline.getrange(name, 0, LARGEST_BYTES)
        return [_told(one) for one in await pipeline.execute(raise_on_error=False)]

    async def unlink(client: Any) -> None:
        await client.unlink(*map(names.answer, keys))

    async def some(_: Any) -> list[str]:
        found: list[str] = []
        async for name in scan:
            if (key := names.key_of(name)) is not None:
                found.append(key)
                if len(found) == _STEP:
                    break
        return found

    gone, scan = 0, await link.ask(begin)
    while keys := await link.ask(some, limit_s=_PATIENCE_S):
        if asked != Selection():
            values = zip(keys, await link.ask(read, limit_s=_PATIENCE_S), strict=True)
            keys = [key for key, value in values if _means(asked, key, value, link.secret, now)]
        if keys and not dry_run:
            await link.ask(unlink, writing=True, limit_s=_PATIENCE_S)
        gone += len(keys)
    return gone


def _told(found: bytes | Exception) -> bytes | ForeignKey:
    if isinstance(found, bytes):
        return found
    if is_foreign(found):
        return ForeignKey(str(found))
    raise found


def _means(
    asked: Selection, key: str, value: bytes | ForeignKey, secret: bytes | None, now: float
) -> bool:
    """Whether the conditions are met; never by what cannot be read."""
    try:
        found = unseal(value, key, secret) if isinstance(value, bytes) else None
    except RefusedError:
        found = None
    return found is not None and _meets(asked, found, now)


def _meets(asked: Selection, found: Shared, now: float) -> bool:
    age_s = now - found.created_at
    return (
        (asked.kind is None or asked.kind == found.fingerprint.kind)
        and (asked.model is None or asked.model == found.model)
        and (asked.older_than_s is None or age_s > asked.older_than_s)
        and (not asked.expired or found.expires_at <= now)
    )
