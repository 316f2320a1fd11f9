"""A process that holds the cache forks: nothing acknowledged is lost, and nobody hangs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refrain_cache import Cache, CacheSettings

FORKER = Path(__file__).with_name("forker.py")
# More for a long night: REFRAIN_FORKS=200.
FORKS = int(os.environ.get("REFRAIN_FORKS", "12"))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def said(*arguments: object) -> list[str]:
    done = subprocess.run(
        # Python 3.12 warns of every fork with threads, which is what is tried here.
        [sys.executable, "-W", "ignore::DeprecationWarning", str(FORKER), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120 + FORKS,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


def test_forks_at_random_moments_under_load_lose_nothing(tmp_path: Path) -> None:
    assert said("forks", tmp_path, FORKS, 1) == ["done"]
    acknowledged = [int(n) for n in (tmp_path / "acknowledged").read_text().split()]
    # The parent's threads stored meanwhile, and every child did.
    assert len(acknowledged) >= 10 * FORKS
    with Cache(CacheSettings(cache_dir=tmp_path)) as cache:
        lost = [n for n in acknowledged if cache.get(content=n, cache_type="api") != {"n": n}]
        assert lost == []
        assert cache.verify().clean
    assert list(tmp_path.glob("*damaged*")) == []


def test_a_pool_of_forked_workers_shares_the_cache_of_its_parent(tmp_path: Path) -> None:
    assert said("pool", tmp_path) == ["True", "True"]


def test_an_event_loops_cache_answers_in_a_forked_child_and_says_why_it_keeps_nothing(
    tmp_path: Path,
) -> None:
    assert said("loop", tmp_path) == ["computed bypass True", "True on"]
