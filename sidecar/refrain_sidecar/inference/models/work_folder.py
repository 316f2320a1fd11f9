"""A folder to make files in before they are moved to their places in one step."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

log = logging.getLogger(__name__)

_PREFIX = "fetch-"


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """A folder in `parent`, on the same disk as the final places, gone after the block. One that a
    killed process left is removed."""
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    prefix = f"{_PREFIX}{os.getpid()}-"
    with TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as work:
        yield Path(work)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            log.info("removing %s, left by a fetch that was killed", folder)
            shutil.rmtree(folder, ignore_errors=True)
