"""JSON that remembers where each value stood, so that a complaint can name its line. Pure.

The standard parser forgets positions; strings and numbers are still read by its own scanner.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
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
    """A parsed document, and where in `text` each value begins and ends, by its path.

    The path `()` is the document.
    """

    text: str
    value: Any
    places: Mapping[Path, tuple[int, int]]

    def span(self, path: Path) -> Span:
        """Where the value at `path` stands; what of it is on further lines is left out."""
        start, end = self.places[path]
        line = self.text.count("\n", 0, start)
        column = start - (self.text.rfind("\n", 0, start) + 1)
        return Span(line, column, column + len(self.text[start:end].partition("\n")[0]))


def parse(text: str) -> LocatedJson:
    """Parse JSON text. Raises json.JSONDecodeError; a key given twice is an error too."""
    parser = _Parser(text)
    value = parser.value(())
    parser.skip()
    if parser.at != len(text):
        raise parser.error("Expected the end of the file")
    return LocatedJson(text, value, parser.places)


class _Parser:
    """Reads `text` from `at` on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[Path, tuple[int, int]] = {}

    def error(self, message: str, at: int | None = None) -> JSONDecodeError:
        return JSONDecodeError(message, self.text, self.at if at is None else at)

    def skip(self) -> None:
        if blank := _BLANK.match(self.text, self.at):
            self.at = blank.end()

    def value(self, path: Path) -> Any:
        self.skip()
        start = self.at
        if len(path) > _MAX_DEPTH:
            raise self.error("Values are nested too deep")
        value: Any
        if self._took("{"):
            value = {}
            for _ in self._members("}"):
                key = self._key(value)
                value[key] = self.value((*path, key))
        elif self._took("["):
            value = []
            for _ in self._members("]"):
                value.append(self.value((*path, len(value))))
        elif self._took('"'):
            value, self.at = scanstring(self.text, self.at, True)
        else:
            value = self._scalar()
        self.places[path] = (start, self.at)
        return value

    def _took(self, mark: str) -> bool:
        """Whether `mark` came next; then it lies behind."""
        self.skip()
        found = self.text.startswith(mark, self.at)
        self.at += found
        return found

    def _members(self, close: str) -> Iterator[None]:
        """Stops before each member there is up to `close`."""
        if self._took(close):
            return
        yield
        while not self._took(close):
            if not self._took(","):
                raise self.error("Expected ','")
            yield

    def _key(self, members: Mapping[str, Any]) -> str:
        if not self._took('"'):
            raise self.error("Expected a key in double quotes")
        start = self.at - 1
        key: str
        key, self.at = scanstring(self.text, self.at, True)
        if key in members:
            raise self.error(f"The key {key!r} is given twice", start)
        if not self._took(":"):
            raise self.error("Expected ':'")
        return key

    def _scalar(self) -> Any:
        found = _SCALAR.match(self.text, self.at)
        if found is None:
            raise self.error("Expected a value")
        token, self.at = found.group(), found.end()
        if token in _WORDS:
            return _WORDS[token]
        number = float(token)
        if math.isinf(number):
            raise self.error("The number is too large", found.start())
        if token.lstrip("-").isdigit():
            return int(token)
        # To JSON Schema 2.0 is an integer, so it is read as one: no engine takes 2.0 threads.
        return int(number) if number.is_integer() else number
