"""A picture from where it is said to be: a file, or a `data:` URL that carries it."""

from __future__ import annotations

import re
import stat
from base64 import b64decode
from pathlib import Path

from refrain_sidecar.enrichment.errors import InputRefused
from refrain_sidecar.enrichment.vision.picture import MOST_BYTES, Picture, picture_of

# RFC 2397; what is said of the type is not believed.
_DATA = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_NAMELESS = "The picture"


def opened(image: str) -> Picture:
    """The picture at a path, or in a `data:` URL in base64. Blocks for as long as the disk does.

    Raises InputRefused for what is not there, is no regular file, is too large or no picture.
    """
    if image[:5].lower() == "data:":
        return picture_of(_NAMELESS, _carried(image))
    path = Path(image).expanduser()
    try:
        return picture_of(path.name, _read(path))
    except InputRefused:
        raise
    # ValueError: a name that no file can have.
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise InputRefused(f"{image} cannot be read: {cause.lower()}.") from error


def _read(path: Path) -> bytes:
    about = path.stat()
    # What is none may never end, or never begin: a pipe, a device.
    if not stat.S_ISREG(about.st_mode):
        raise InputRefused(f"{path} is not a file. Give a PNG, JPEG or WebP picture.")
    if about.st_size > MOST_BYTES:
        raise _too_large(path.name, about.st_size)
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _too_large(path.name, len(data))
    return data


def _carried(url: str) -> bytes:
    begin = _DATA.match(url)
    if begin is None:
        raise InputRefused("A data: URL has to carry its picture in base64.")
    packed = len(url) - begin.end()
    if packed * 3 // 4 > MOST_BYTES + 2:
        raise _too_large(_NAMELESS, packed * 3 // 4)
    try:
        return b64decode(url[begin.end() :], validate=True)
    except ValueError as error:
        raise InputRefused(f"The data: URL holds no base64: {error}.") from error


def _too_large(name: str, size: int) -> InputRefused:
    return InputRefused(
        f"{name} has {size / 1e6:,.1f} MB, and at most {MOST_BYTES // 1_000_000} MB can be looked "
        "at. Make it smaller."
    )
