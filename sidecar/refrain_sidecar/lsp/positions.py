"""Places in a text, between the client's units and code points."""

from __future__ import annotations

import io

from lsprotocol import types
from pygls.workspace import PositionCodec, TextDocument


def lines(document: TextDocument) -> list[str]:
    """The text's lines without their ends; str.splitlines knows more of those than LSP does."""
    return io.StringIO(document.source, newline=None).read().split("\n")


def column(codec: PositionCodec, line: str, character: int) -> int:
    """Where the client's `character` stands in `line`; one beyond its end means the end."""
    inside = types.Position(0, min(character, codec.client_num_units(line)))
    return codec.position_from_client_units([line], inside).character


def span(codec: PositionCodec, at: int, line: str, start: int, end: int) -> types.Range:
    """From one column to another of `line`, which is number `at`, in the client's units."""
    places = (types.Position(at, codec.client_num_units(line[:column])) for column in (start, end))
    return types.Range(*places)


def selected(document: TextDocument, selection: types.Range) -> str:
    """The text between two places."""
    text, codec = document.source, document.position_codec
    parts = list(io.StringIO(text, newline=""))

    def offset(at: types.Position) -> int:
        if at.line >= len(parts):
            return len(text)
        inside = column(codec, parts[at.line].rstrip("\r\n"), at.character)
        return sum(map(len, parts[: at.line])) + inside

    return text[offset(selection.start) : offset(selection.end)]
