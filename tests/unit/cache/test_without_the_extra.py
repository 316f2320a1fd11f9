"""Without the extra nothing imports redis, and `caching.shared` says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_BLOCKED = """
import asyncio, importlib, logging, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "redis":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import refrain_cache, refrain_sidecar.service.service, refrain_sidecar.cli.main
for module in pkgutil.walk_packages(refrain_cache.__path__, "refrain_cache."):
    importlib.import_module(module.name)
assert "redis" not in sys.modules
logging.basicConfig(level=logging.WARNING)
"""
_ASK = """
from pathlib import Path
from refrain_cache import AsyncCache, CacheSettings, SharedSettings, Timing, fingerprint

async def main():
    shared = SharedSettings("redis://127.0.0.1:6379") if sys.argv[2] == "shared" else None
    settings = CacheSettings(cache_dir=Path(sys.argv[1]), shared=shared)
    async def compute():
        return 1
    async with AsyncCache(settings, timing=Timing(probe_first=0.05)) as cache:
        for n in range(3):
            assert (await cache.get_or_compute(fingerprint("api", n), compute)).value == 1
        await asyncio.sleep(0.3)
        assert (await cache.get_or_compute(fingerprint("api", 0), compute)).outcome == "hit"
        assert cache.state.mode == "on"

asyncio.run(main())
assert "redis" not in sys.modules
"""


@pytest.mark.parametrize("how", ["shared", "alone"])
def test_without_the_extra(tmp_path: Path, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED + _ASK, str(tmp_path), how],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = done.stderr.count("pip install 'refrain-cache[shared]'")
    assert told == (1 if how == "shared" else 0), done.stderr
