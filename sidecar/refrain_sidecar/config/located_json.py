"""JSON that remembers where each value stood, so that a complaint can name its line. Pure.

The standard parser forgets positions; strings and numbers are still read by its own scanner.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from attrs import frozen

Path = tuple[str | int, ...]

# A configuration has three levels. Deeper text would end in a RecursionError.
_MAX_DEPTH = 50
_BLANK = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


@frozen
class Span:
    """Where a value stands: zero-based line and columns (in characters) of one line."""

    line: int
    column: int
    end_column: int


@frozen
class LocatedJson:
    """A parsed document and the span of each value by its path; `()` is the document."""

    value: Any
    spans: Mapping[Path, Span]


def parse(text: str) -> LocatedJson:
    """Parse JSON text. Raises json.JSONDecodeError; a key given twice is an error too."""
    spans: dict[Path, Span] = {}
    parser = _Parser(text, spans)
    value, end = parser.value(parser.skip(0), ())
    end = parser.skip(end)
    if end != len(text):
        raise JSONDecodeError("Expected the end of the file", text, end)
    return LocatedJson(value, spans)


class _Parser:
    def __init__(self, text: str, spans: dict[Path, Span]) -> None:
        self._text = text
        self._spans = spans

    def skip(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        return found.end() if found else at

    def value(self, at: int, path: Path) -> tuple[Any, int]:
        value: Any
        if len(path) > _MAX_DEPTH:
            raise JSONDecodeError("Values are nested too deep", self._text, at)
        match self._text[at : at + 1]:
            case "{":
                value, end = self._object(at + 1, path)
            case "[":
                value, end = self._array(at + 1, path)
            case '"':
                value, end = scanstring(self._text, at + 1, True)
            case _:
                value, end = self._scalar(at)
        self._spans[path] = self._span(at, end)
        return value, end

    def _scalar(self, at: int) -> tuple[Any, int]:
        found = _SCALAR.match(self._text, at)
        if found is None:
            raise JSONDecodeError("Expected a value", self._text, at)
        token = found.group()
        if token in _WORDS:
            return _WORDS[token], found.end()
        number = float(token)
        if math.isinf(number):
            raise JSONDecodeError("The number is too large", self._text, at)
        if token.lstrip("-").isdigit():
            return int(token), found.end()
        # To JSON Schema 2.0 is an integer, so it is read as one: no engine takes 2.0 threads.
        return int(number) if number.is_integer() else number, found.end()

    def _object(self, at: int, path: Path) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        at = self.skip(at)
        if self._text[at : at + 1] == "}":
            return members, at + 1
        while True:
            if self._text[at : at + 1] != '"':
                raise JSONDecodeError("Expected a key in double quotes", self._text, at)
            key_at = at
            key, at = scanstring(self._text, at + 1, True)
            if key in members:
                raise JSONDecodeError(f"The key {key!r} is given twice", self._text, key_at)
            at = self._expect(":", self.skip(at))
            members[key], at = self.value(self.skip(at), (*path, key))
            at, more = self._more("}", at)
            if not more:
                return members, at

    def _array(self, at: int, path: Path) -> tuple[list[Any], int]:
        items: list[Any] = []
        at = self.skip(at)
        if self._text[at : at + 1] == "]":
            return items, at + 1
        while True:
            item, at = self.value(at, (*path, len(items)))
            items.append(item)
            at, more = self._more("]", at)
            if not more:
                return items, at

    def _more(self, close: str, at: int) -> tuple[int, bool]:
        at = self.skip(at)
        if self._text[at : at + 1] == close:
            return at + 1, False
        return self.skip(self._expect(",", at)), True

    def _expect(self, mark: str, at: int) -> int:
        if self._text[at : at + 1] != mark:
            raise JSONDecodeError(f"Expected {mark!r}", self._text, at)
        return at + 1

    def _span(self, start: int, end: int) -> Span:
        line = self._text.count("\n", 0, start)
        column = start - (self._text.rfind("\n", 0, start) + 1)
        line_end = self._text.find("\n", start)
        last = end if line_end == -1 else min(end, line_end)
        return Span(line, column, column + last - start)
