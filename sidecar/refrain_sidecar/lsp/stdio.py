"""Keep stdout for the protocol: one stray print would break the stream."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO


def take_over_stdio() -> tuple[BinaryIO, BinaryIO]:
    """The streams the protocol alone uses: (reader, writer).

    Afterwards file descriptor 1 is stderr and 0 is empty, for this process, native code in it and
    every child, so nothing else can write into the stream or read from it.
    """
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = sys.stderr
    return reader, writer
