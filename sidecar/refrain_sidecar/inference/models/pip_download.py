"""Downloading pinned wheels with the user's own pip, so that its index and proxy settings apply."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from refrain_sidecar.inference.child_environment import child_environment
from refrain_sidecar.inference.models.fetch_failures import (
    DiskFull,
    FetchFailed,
    NoNetwork,
    NoPip,
    NotOnIndex,
    WrongHash,
)
from refrain_sidecar.inference.models.manifest import Wheel

# How often file sizes are looked at, for a progress bar that moves and costs nothing.
_LOOK_EVERY_S = 0.2

# pip's words, from 21 to 26, for what went wrong. First match wins: a full disk and a wrong hash
# are followed by complaints about versions, and so is a connection that failed.
_UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError|NameResolution"
    r"|Failed to establish a new connection|Connection refused|Connection aborted|IncompleteRead"
    r"|Max retries exceeded|Temporary failure in name resolution|getaddrinfo failed"
    r"|incomplete-download"
)
_ERROR = re.compile(r"^ERROR:")
_NO_ROOM = re.compile(r"No space left on device|Errno 28|not enough space on the disk")


def download(
    wanted: Sequence[Wheel],
    folder: Path,
    progress: Callable[[int, int], None],
    python: str = sys.executable,
) -> Path:
    """Downloads into `folder` (which must be empty); where the wheels are, each with its hash.

    `progress` gets bytes done and bytes in all, several times a second. Raises FetchFailed.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(
        "".join(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n" for wheel in wanted),
        "utf-8",
    )
    temporary, wheels = folder / "tmp", folder / "wheels"
    temporary.mkdir()
    log = folder / "pip.log"
    with log.open("wb") as output:
        pip = subprocess.Popen(
            [
                *(python, "-m", "pip", "download", "--no-deps", "--require-hashes"),
                *("--only-binary", ":all:", "--no-input", "--progress-bar", "off"),
                *("--disable-pip-version-check", "--requirement", str(requirements)),
                *("--dest", str(wheels)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(temporary),
        )
        try:
            _watch(pip, folder, wanted, progress)
        finally:
            # Also when the person interrupts: nobody writes into a folder that is being removed.
            if pip.poll() is None:
                pip.kill()
            pip.wait()
    if pip.returncode != 0:
        raise _failure(log.read_text("utf-8", errors="replace"), python, wanted, folder)
    return wheels


def _environment(temporary: Path) -> dict[str, str]:
    # Every spelling of "temporary folder", so that the growing files are where we look.
    ours = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    # Downloading changes no environment; a person's guard against installing need not stop it.
    return {**child_environment(), **ours, "PIP_REQUIRE_VIRTUALENV": "0", "PYTHONUTF8": "1"}


def _watch(
    pip: subprocess.Popen[bytes],
    folder: Path,
    wanted: Sequence[Wheel],
    progress: Callable[[int, int], None],
) -> None:
    total = sum(wheel.bytes for wheel in wanted)
    while pip.poll() is None:
        progress(min(_arrived(folder), total), total)
        time.sleep(_LOOK_EVERY_S)
    if pip.returncode == 0:
        progress(total, total)


def _arrived(folder: Path) -> int:
    # pip downloads into its temporary folder and copies at the end: each name counts once.
    sizes: dict[str, int] = {}
    for path in folder.rglob("*.whl"):
        try:
            sizes[path.name] = max(sizes.get(path.name, 0), path.stat().st_size)
        except FileNotFoundError:
            # Moved between being listed and being looked at; the next look sees it.
            continue
    return sum(sizes.values())


def _failure(said: str, python: str, wanted: Sequence[Wheel], folder: Path) -> FetchFailed:
    if "No module named pip" in said:
        return NoPip(python)
    if _NO_ROOM.search(said):
        return DiskFull(folder.parent, room_for(wanted))
    if "DO NOT MATCH THE HASHES" in said:
        return WrongHash(" or ".join(wheel.filename for wheel in wanted))
    if _UNREACHABLE.search(said):
        return NoNetwork(_last_line(said, _UNREACHABLE))
    if "No matching distribution found" in said or "not a supported wheel" in said:
        return NotOnIndex(_last_line(said, _ERROR))
    return FetchFailed(f"pip could not download the engine. It said: {_last_line(said, _ERROR)}")


def room_for(wanted: Sequence[Wheel]) -> int:
    """Bytes needed while fetching: pip keeps a wheel twice for a moment, and it unpacks larger."""
    return 4 * sum(wheel.bytes for wheel in wanted)


def _last_line(said: str, about: re.Pattern[str]) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    matching = [line for line in lines if about.search(line)]
    return (matching or lines or ["nothing"])[-1].removeprefix("ERROR: ")
