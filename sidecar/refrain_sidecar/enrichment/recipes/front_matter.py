"""The YAML at the head of a recipe, as plain values that know where they stood. Pure.

Read from the parser's events, so that anchors, aliases, tags and merges (which can make a giant out
of a few lines, or an object of any class) end it before anything is made of them.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from refrain_sidecar.config.located_json import Path, Span

_DEEPEST = 20
_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?\d{1,18}")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class FrontMatterError(ValueError):
    """The YAML cannot be read; `span` is where."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.span = span


@frozen
class FrontMatter:
    """A mapping, and where in the file each value (or the key of a longer one) stands, by path."""

    value: dict[str, Any]
    spans: Mapping[Path, Span] = field(repr=False)

    def span(self, path: Path) -> Span:
        """Where the value at `path` stands, or the nearest one around it."""
        while path not in self.spans:
            path = path[:-1]
        return self.spans[path]


def parse(text: str, first_line: int) -> FrontMatter:
    """The YAML `text`, which begins on line `first_line` of its file. Raises FrontMatterError."""
    # 60 ms: only for those who read recipes.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    events = YAML(typ="safe", pure=True).parse(io.StringIO(text))
    reader = _Reader(events, text.split("\n"), first_line)
    try:
        return reader.document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        span = Span(first_line + line, column, column + 1)
        raise FrontMatterError(f"not valid YAML: {error.problem or error.context}", span) from None
    except YAMLError as error:
        why = str(error).partition("\n")[0]
        raise FrontMatterError(f"not valid YAML: {why}", Span(first_line, 0, 1)) from None


class _Reader:
    """Makes values of a parser's events."""

    def __init__(self, events: Iterator[Any], lines: list[str], first_line: int) -> None:
        self._events = events
        self._lines = lines
        self._first_line = first_line
        self._spans: dict[Path, Span] = {}

    def document(self) -> FrontMatter:
        start = Span(self._first_line, 0, 1)
        event = self._next()
        while type(event).__name__ in ("StreamStartEvent", "DocumentStartEvent", "CommentEvent"):
            event = self._next()
        if type(event).__name__ == "StreamEndEvent":
            return FrontMatter({}, {(): start})
        value = self._value(event, ())
        for event in self._events:
            if type(event).__name__ == "DocumentStartEvent":
                raise FrontMatterError("more than one YAML document", self._span(event))
        if value is None:
            return FrontMatter({}, {(): start})
        if not isinstance(value, dict):
            raise FrontMatterError("expected keys and values, such as `description: …`", start)
        return FrontMatter(value, self._spans)

    def _next(self) -> Any:
        event = next(self._events)
        if getattr(event, "anchor", None) is not None:
            raise FrontMatterError("anchors and aliases are not taken here", self._span(event))
        implicit = getattr(event, "implicit", True)
        # Of a word there are two: as it stands, and as if it were quoted.
        if not (any(implicit) if isinstance(implicit, tuple) else implicit):
            raise FrontMatterError("tags (`!…`) are not taken here", self._span(event))
        return event

    def _value(self, event: Any, path: Path) -> Any:
        self._spans[path] = self._span(event)
        if len(path) > _DEEPEST:
            raise FrontMatterError("values are nested too deep", self._spans[path])
        match type(event).__name__:
            case "MappingStartEvent":
                return self._mapping(path)
            case "SequenceStartEvent":
                values: list[Any] = []
                while type(event := self._next()).__name__ != "SequenceEndEvent":
                    values.append(self._value(event, (*path, len(values))))
                return values
            case "ScalarEvent":
                return self._scalar(event)
        raise FrontMatterError("expected a value", self._spans[path])

    def _mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while type(event := self._next()).__name__ != "MappingEndEvent":
            key = getattr(event, "value", None)
            if not isinstance(key, str) or (key == "<<" and event.style is None):
                raise FrontMatterError("expected a key that is a word", self._span(event))
            if key in values:
                raise FrontMatterError(f"the key {key!r} is given twice", self._span(event))
            at = self._span(event)
            values[key] = self._value(self._next(), (*path, key))
            # What is on further lines is found by its key.
            if not isinstance(values[key], (str, int, float, bool)):
                self._spans[(*path, key)] = at
        return values

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            number = float(text)
            if math.isinf(number):
                raise FrontMatterError("the number is too large", self._span(event))
            return int(number) if number.is_integer() else number
        return text

    def _span(self, event: Any) -> Span:
        line, column = event.start_mark.line, event.start_mark.column
        end = len(self._lines[line]) if line < len(self._lines) else column + 1
        if event.end_mark.line == line and event.end_mark.column > column:
            end = event.end_mark.column
        return Span(self._first_line + line, column, max(end, column + 1))
