"""A process that remembers what it found out, for tests that kill it, fork it, or run several.

    python -m tests.faults.inference.remembering VERB FOLDER …

says each round once it is over.
"""

from __future__ import annotations

import os
import sys
import threading
from itertools import count
from pathlib import Path

from refrain_cache import CacheSettings
from refrain_sidecar.enrichment.stage1.naming import Leaning
from refrain_sidecar.inference.remembered import Remembered

NAME, WHO = "leaning", ("d1", "0.33.0", "p1")
# As large as real ones, and none the beginning of another.
VALUES = tuple(
    Leaning(tuple({f"{place} {n}": -n / 7 for n in range(300)} for place in range(value + 3)))
    for value in range(4)
)


def remembered(folder: Path) -> Remembered:
    return Remembered(CacheSettings(cache_dir=folder))


def known(folder: Path) -> Leaning | None:
    return remembered(folder).read(NAME, WHO, Leaning)


def write(folder: Path, first: int) -> None:
    """Keep one value after the other, until killed."""
    for n in count(first):
        remembered(folder).keep(NAME, WHO, VALUES[n % len(VALUES)])
        print(n, flush=True)


def forks(folder: Path, rounds: int) -> None:
    """Fork while threads keep values; each child reads and keeps some too."""
    done = threading.Event()

    def busy(n: int) -> None:
        while not done.is_set():
            remembered(folder).keep(NAME, WHO, VALUES[n])

    threads = [threading.Thread(target=busy, args=(n,)) for n in range(2)]
    remembered(folder).keep(NAME, WHO, VALUES[0])
    for thread in threads:
        thread.start()
    for n in range(rounds):
        child = os.fork()
        if child == 0:
            right = known(folder) in VALUES
            remembered(folder).keep(NAME, WHO, VALUES[n % len(VALUES)])
            os._exit(0 if right and known(folder) in VALUES else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    done.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    verb, folder, number = sys.argv[1:]
    {"write": write, "forks": forks}[verb](Path(folder), int(number))
