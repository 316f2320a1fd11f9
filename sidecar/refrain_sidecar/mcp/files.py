"""Files that a model names: read below the working folder, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.enrichment.text import MOST_CHARS

_MOST_BYTES = 4 * MOST_CHARS


def text_of(file: str, folder: Path) -> str:
    """The text in `file`, which lies below `folder`. Raises InputRefused saying why it is none."""
    path = below(file, folder)
    try:
        with path.open("rb") as opened:
            held = opened.read(_MOST_BYTES + 1)
        if len(held) > _MOST_BYTES:
            raise InputRefused(f"{file} is longer than {_MOST_BYTES:,} bytes. Take a part of it.")
        return held.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputRefused(f"{file} is not text in UTF-8 ({error.reason}).") from error
    except OSError as error:
        raise InputRefused(f"{file} cannot be read: {(error.strerror or '').lower()}.") from error


def below(file: str, folder: Path) -> Path:
    """Where `file` is, if that is below `folder`. Raises InputRefused.

    A model may have been talked into naming any file, so links are followed first.
    """
    try:
        path = (folder / file).resolve()
        inside, there = path.is_relative_to(folder.resolve()), path.is_file()
    except (OSError, ValueError) as error:
        raise InputRefused(f"{file!r} cannot be read: {error}.") from error
    if not inside:
        raise InputRefused(f"{file} lies outside of {folder}, so it is not read.")
    if not there:
        raise InputRefused(f"{file} is no file.")
    return path
