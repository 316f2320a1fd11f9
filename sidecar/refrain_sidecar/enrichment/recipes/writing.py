"""What can stand at a place of a recipe that is being written, and what stands there. Pure.

Works on any lines, whole or not: people are told while they type. Columns count code points.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

from attrs import frozen

from refrain_sidecar.config.schema import expected
from refrain_sidecar.enrichment.recipes.definition import Role
from refrain_sidecar.enrichment.recipes.reading import FENCE, head_schema
from refrain_sidecar.enrichment.recipes.template import VARIABLES

Kind = Literal["key", "value", "variable", "role"]

_KEY = re.compile(r"([ \t]*)([\w-]+)[ \t]*:(?=[ \t]|$)")
_KEY_BEGUN = re.compile(r"([ \t]*)([\w-]*)")
_VALUE_BEGUN = re.compile(r"([\w-]+)[ \t]*:[ \t]+(\S*)")
_VARIABLE = re.compile(r"(?<!\\)\$\{([^{}:\n]*)[^{}\n]*\}")
_VARIABLE_BEGUN = re.compile(r"(?<!\\)\$(?:\{[A-Za-z:]*)?$")
_ROLE_BEGUN = re.compile(r"#{1,2}(?:[ \t]+\w*)?")


@frozen
class Suggestion:
    """`text` can stand there; `about` says what it does."""

    text: str
    kind: Kind
    about: str = ""


@frozen
class Suggested:
    """What can stand from column `start` to column `end` of the line."""

    start: int
    end: int
    suggestions: tuple[Suggestion, ...] = ()


@frozen
class Remark:
    """What is said of what stands from column `start` to column `end`."""

    start: int
    end: int
    about: str


def suggested(
    lines: Sequence[str], line: int, column: int, models: Sequence[str] = ()
) -> Suggested:
    """What can stand at a place. `models` are the names of those that can be asked."""
    here = lines[line] if line < len(lines) else ""
    before, after = here[:column], here[column:]
    if _in_head(lines, line):
        if found := _KEY_BEGUN.fullmatch(before):
            keys = tuple(_keys(lines, line, indent=len(found[1])))
            return Suggested(found.end(1), column, keys)
        if found := _VALUE_BEGUN.fullmatch(before):
            return Suggested(found.start(2), len(here), tuple(_values(found[1], models)))
    elif found := _VARIABLE_BEGUN.search(before):
        # Editors close a bracket as soon as it is opened.
        return Suggested(found.start(), column + after.startswith("}"), _VARIABLES)
    elif found := _ROLE_BEGUN.fullmatch(before):
        return Suggested(0, column, _ROLES)
    return Suggested(column, column)


def remark(lines: Sequence[str], line: int, column: int) -> Remark | None:
    """What is to be said of what stands at a place: of a key, or of a variable."""
    here = lines[line] if line < len(lines) else ""
    if _in_head(lines, line):
        found = _KEY.match(here)
        if found and found.start(2) <= column <= found.end(2):
            spec = _specs(lines, line, indent=len(found[1])).get(found[2])
            return spec and Remark(found.start(2), found.end(2), _about(spec))
        return None
    for found in _VARIABLE.finditer(here):
        if found.start() <= column <= found.end() and found[1] in VARIABLES:
            return Remark(found.start(), found.end(), VARIABLES[found[1]])
    return None


def names_model(lines: Sequence[str], line: int) -> bool:
    """Whether a model's name is what stands on a line."""
    return _in_head(lines, line) and lines[line].startswith("model:")


_VARIABLES = tuple(
    Suggestion("${input:name}" if name == "input" else f"${{{name}}}", "variable", about)
    for name, about in VARIABLES.items()
)
_ROLES = tuple(
    Suggestion(f"## {role}", "role", about)
    for role, about in zip(
        get_args(Role),
        (
            "How the model is to behave. It comes first, and once.",
            "What the model is asked. It comes last.",
            "What the model would answer: with a `## user` before it, an example.",
        ),
        strict=True,
    )
)


def _in_head(lines: Sequence[str], line: int) -> bool:
    """Whether a line stands in the front matter, or in one that is not closed yet."""
    if not 0 < line < len(lines) or not FENCE.fullmatch(lines[0]):
        return False
    return not any(FENCE.fullmatch(each) or each.startswith("## ") for each in lines[1 : line + 1])


def _specs(lines: Sequence[str], line: int, *, indent: int) -> Mapping[str, Any]:
    """What can be said where a line stands so far in: the keys and the schemas of their values."""
    specs: Mapping[str, Any] = head_schema()["properties"]
    if indent:
        above = (_KEY.match(each) for each in reversed(lines[:line]))
        parent = next((found[2] for found in above if found and not found[1]), "")
        specs = specs.get(parent, {}).get("properties", {})
    return specs


def _keys(lines: Sequence[str], line: int, *, indent: int) -> Iterator[Suggestion]:
    others = (_KEY.match(each) for at, each in enumerate(lines) if at != line)
    given = {found[2] for found in others if found and bool(found[1]) == bool(indent)}
    for name, spec in _specs(lines, line, indent=indent).items():
        if name not in given:
            opens = "\n  " if spec.get("type") == "object" else " "
            yield Suggestion(f"{name}:{opens}", "key", _about(spec))


def _values(key: str, models: Sequence[str]) -> Iterator[Suggestion]:
    if key == "model":
        yield from (Suggestion(name, "value") for name in models)
    if head_schema()["properties"].get(key, {}).get("type") == "boolean":
        yield from (Suggestion(word, "value") for word in ("true", "false"))


def _about(spec: Mapping[str, Any]) -> str:
    wanted = expected(spec)
    return f"{spec['description']}\n\nExpected: {wanted}."
