"""Check the text of perf_config.json: every problem with its line, key and what was expected.

Pure: text in, value and problems out. The rules are the schema's alone.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import fastjsonschema
from attrs import frozen

from refrain_sidecar.config.located_json import LocatedJson, Path, Span, parse
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


def check(text: str) -> Checked:
    """Check a configuration's text. Values that fail are left out, so their defaults apply."""
    try:
        document = parse(text)
    except json.JSONDecodeError as error:
        span = Span(error.lineno - 1, error.colno - 1, error.colno)
        return Checked({}, (Problem("", f"not valid JSON: {error.msg}", span),))
    values = copy.deepcopy(document.value)
    problems: list[Problem] = []
    while failure := _failure(values):
        path: Path = tuple(failure.path[1:])
        if failure.rule == "additionalProperties":
            for name in [n for n in failure.value if n not in failure.definition["properties"]]:
                problems.append(_unknown((*path, name), failure.definition, document))
                _drop(values, (*path, name))
            continue
        problems.append(
            Problem(
                _dotted(path),
                f"expected {expected(failure.definition)}, got {_shown(failure.value)}",
                document.span(path),
            )
        )
        if not path:
            values = {}
            break
        _drop(values, path)
    return Checked(values, tuple(sorted(problems, key=lambda p: (p.span.line, p.span.column))))


def _failure(values: Any) -> fastjsonschema.JsonSchemaValueException | None:
    try:
        _validator()(values)
    except fastjsonschema.JsonSchemaValueException as error:
        return error
    return None


@cache
def _validator() -> Callable[[Any], Any]:
    compiled: Callable[[Any], Any] = fastjsonschema.compile(dict(schema()), use_default=False)
    return compiled


def _unknown(path: Path, parent: Mapping[str, Any], document: LocatedJson) -> Problem:
    name = str(path[-1])
    near = difflib.get_close_matches(name, parent["properties"], 1)
    hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(parent["properties"])
    return Problem(_dotted(path), f"unknown key; {hint}", document.span(path))


def _drop(values: Any, path: Path) -> None:
    for step in path[:-1]:
        values = values[step]
    del values[path[-1]]


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else shown[:57] + "…"
