"""Newline-delimited JSON out of byte chunks. No I/O here.

httpx's own line reader splits at U+2028 and its like too, which may stand unescaped inside a JSON
string; this one splits at line feeds alone.
"""

from __future__ import annotations

# A line with 20 alternatives a token is about 2 KB; a megabyte image description far less than
# this. What is longer is no line but a server that never ends one.
MAX_LINE_BYTES = 16 * 1024 * 1024


class LineTooLong(ValueError):
    """A line ran past `MAX_LINE_BYTES`."""


class LineSplitter:
    """Feed chunks, get whole lines without their ends; blank lines are left out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes. Raises LineTooLong."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise LineTooLong(f"a line longer than {MAX_LINE_BYTES} bytes")
        return [line for line in whole if line.strip()]

    def end(self) -> list[bytes]:
        """What was left without a line end."""
        rest, self._rest = self._rest, b""
        return [rest] if rest.strip() else []
