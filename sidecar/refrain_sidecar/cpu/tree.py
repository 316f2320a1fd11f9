"""Small text files of /sys and /proc, where a missing one is an answer too."""

from __future__ import annotations

from pathlib import Path


def text_of(file: Path) -> str:
    """The file's text; empty where there is no such file or it cannot be read."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
