"""The rights that docs/many-machines.md gives a user are enough for all of it, and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import redis
from tests.redis.programs import Kind
from tests.redis.serving import serving
from tests.redis.shared.conftest import shared_settings, until_there

from refrain_cache import AsyncCache, CacheSettings, Selection, fingerprint

_DOCS = Path(__file__).parents[3] / "docs" / "many-machines.md"


async def test_the_documented_user_can_do_all_of_it_and_nothing_else(
    kind: Kind, tmp_path: Path
) -> None:
    found = re.search(r"^user refrain (.*)$", _DOCS.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    rights = found[1].replace("PASSWORD", "secret")
    options = {"user": f"refrain {rights}"}
    with serving(kind, user="refrain", password="secret", options=options) as server:
        caches = [
            AsyncCache(CacheSettings(cache_dir=tmp_path / name, shared=shared_settings(server)))
            for name in ("here", "there")
        ]

        async def compute() -> int:
            return 1

        async with caches[0] as here, caches[1] as there:
            await here.get_or_compute(fingerprint("api", "a"), compute)
            await until_there(server, 1)
            assert (await there.get_or_compute(fingerprint("api", "a"), compute)).tier == "shared"
            assert (await here.purge(Selection(kind="api", shared=True))).shared == 1
            for cache in (here, there):
                assert cache.state.shared is not None
                assert cache.state.shared.reason is None
        with server.client() as client:
            for forbidden in (("KEYS", "*"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("GET", "x")):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.execute_command(*forbidden)
