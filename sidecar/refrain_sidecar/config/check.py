"""Check the text of perf_config.json: every problem with its line, key and what was expected.

Pure: text in, value and problems out. The rules are the schema's alone.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Protocol

import fastjsonschema
from attrs import frozen

from refrain_sidecar.config.located_json import Path, Span, parse
from refrain_sidecar.config.schema import expected, schema


@frozen
class Problem:
    """One thing wrong. `key` is dotted (`inference.num_threads`), empty for the whole file."""

    key: str
    message: str
    span: Span

    def at(self, file: str) -> str:
        """`file:line: key: message`, with lines counted from 1."""
        key = f"{self.key}: " if self.key else ""
        return f"{file}:{self.span.line + 1}: {key}{self.message}"


@frozen
class Checked:
    """The values that passed, and what was wrong with the others."""

    values: Mapping[str, Any]
    problems: tuple[Problem, ...]


class Located(Protocol):
    """A value of lists and mappings that knows where each part of it stood."""

    @property
    def value(self) -> Any: ...

    def span(self, path: Path) -> Span: ...


def check(text: str) -> Checked:
    """Check a configuration's text. Values that fail are left out, so their defaults apply."""
    try:
        document = parse(text)
    except json.JSONDecodeError as error:
        span = Span(error.lineno - 1, error.colno - 1, error.colno)
        return Checked({}, (Problem("", f"not valid JSON: {error.msg}", span),))
    return checked(document, _validator())


def checked(document: Located, validate: Callable[[Any], Any]) -> Checked:
    """Check a document by what fastjsonschema made of a schema. What fails is taken out of it."""
    values = document.value
    problems: list[Problem] = []

    def complain(path: Path, message: str) -> None:
        key = ".".join(str(step) for step in path)
        problems.append(Problem(key, message, document.span(path)))

    while failure := _failure(values, validate):
        path: Path = tuple(failure.path[1:])
        if failure.rule == "additionalProperties":
            for name in [n for n in failure.value if n not in failure.definition["properties"]]:
                complain((*path, name), _unknown(name, failure.definition["properties"]))
                _drop(values, (*path, name))
            continue
        if failure.rule == "required":
            missing = [name for name in failure.definition["required"] if name not in failure.value]
            complain(path, f"lacks {', '.join(missing)}")
            _drop(values, path)
            continue
        complain(path, f"expected {expected(failure.definition)}, got {_shown(failure.value)}")
        if not path:
            values = {}
            break
        _drop(values, path)
    return Checked(values, tuple(sorted(problems, key=lambda p: (p.span.line, p.span.column))))


def _failure(
    values: Any, validate: Callable[[Any], Any]
) -> fastjsonschema.JsonSchemaValueException | None:
    try:
        validate(values)
    except fastjsonschema.JsonSchemaValueException as error:
        return error
    return None


@cache
def _validator() -> Callable[[Any], Any]:
    compiled: Callable[[Any], Any] = fastjsonschema.compile(dict(schema()), use_default=False)
    return compiled


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(known)
    return f"unknown key; {hint}"


def _drop(values: Any, path: Path) -> None:
    for step in path[:-1]:
        values = values[step]
    del values[path[-1]]


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else shown[:57] + "…"
