"""A recipe's file as a definition, or what is wrong with it and where. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import fastjsonschema
from attrs import frozen

from refrain_sidecar.config.check import Problem, checked
from refrain_sidecar.config.located_json import Span
from refrain_sidecar.enrichment.recipes import output_schema
from refrain_sidecar.enrichment.recipes.definition import Definition, Role, Turn
from refrain_sidecar.enrichment.recipes.front_matter import FrontMatter, FrontMatterError, parse
from refrain_sidecar.enrichment.recipes.template import template

# A long prompt has some thousand characters.
MOST_CHARS = 65_536
# What the front matter begins and ends with.
FENCE = re.compile(r"---[ \t]*")
_ROLE = re.compile(r"^##[ \t]+(system|user|assistant)[ \t]*$", re.MULTILINE)
_START = Span(0, 0, 1)


@frozen
class RecipeReading:
    """`definition` is None where there are problems; `model_at` is where its model is named."""

    name: str
    definition: Definition | None
    problems: tuple[Problem, ...]
    model_at: Span = _START


def no_files(name: str) -> Any:
    """The schemas beside a recipe that lies nowhere."""
    raise ValueError(f"there is no {name} beside it")


def read_recipe(name: str, text: str, schema_at: Callable[[str], Any] = no_files) -> RecipeReading:
    """The recipe `name` from the `text` of its file.

    `schema_at` gives the JSON in a file beside it, or raises ValueError saying why not.
    """
    if len(text) > MOST_CHARS:
        problem = Problem("", f"longer than {MOST_CHARS:,} characters", _START)
        return RecipeReading(name, None, (problem,))
    reader = _Reader(name, text.removeprefix("\ufeff").replace("\r\n", "\n"), schema_at)
    definition = reader.read()
    problems = tuple(sorted(reader.problems, key=lambda p: (p.span.line, p.span.column)))
    return RecipeReading(name, None if problems else definition, problems, reader.model_at)


@cache
def head_schema() -> Mapping[str, Any]:
    """The JSON schema of a recipe's front matter; its descriptions are for people."""
    text = (Path(__file__).parent / "recipe_schema.json").read_bytes()
    return cast(Mapping[str, Any], json.loads(text))


@cache
def _validator() -> Callable[[Any], Any]:
    compiled: Callable[[Any], Any] = fastjsonschema.compile(dict(head_schema()), use_default=False)
    return compiled


class _Reader:
    def __init__(self, name: str, text: str, schema_at: Callable[[str], Any]) -> None:
        self._name = name
        self._text = text
        self._schema_at = schema_at
        self.problems: list[Problem] = []
        self.model_at = _START

    def read(self) -> Definition:
        head, body_at = self._parted()
        values: Mapping[str, Any] = {}
        output = None
        if head is not None:
            found = checked(head, _validator())
            self.problems += found.problems
            values = found.values
            self.model_at = head.span(("model",))
            if "output" in values:
                output = self._output(values["output"], head)
        return Definition(
            name=self._name,
            source=self._text,
            turns=tuple(self._turns(body_at)),
            description=values.get("description", ""),
            argument_hint=values.get("argument-hint", ""),
            model=values.get("model"),
            options=values.get("options", {}),
            think=values.get("think", False),
            output=output,
        )

    def _parted(self) -> tuple[FrontMatter | None, int]:
        """The front matter, and where the body begins."""
        lines = self._text.split("\n")
        if not FENCE.fullmatch(lines[0]):
            return None, 0
        for at, line in enumerate(lines[1:], 1):
            if FENCE.fullmatch(line):
                body_at = sum(len(each) + 1 for each in lines[: at + 1])
                try:
                    return parse("\n".join(lines[1:at]), 1), min(body_at, len(self._text))
                except FrontMatterError as error:
                    self._complain("", str(error), error.span)
                    return None, min(body_at, len(self._text))
        self._complain("", "the front matter is not closed by a line `---`", Span(0, 0, 3))
        return None, len(self._text)

    def _output(self, wanted: Any, head: FrontMatter) -> Mapping[str, Any] | None:
        if isinstance(wanted, str):
            try:
                schema = self._schema_at(wanted)
            except ValueError as error:
                self._complain("output", str(error), head.span(("output",)))
                return None
            inside = False
        else:
            schema, inside = wanted, True
        for path, message in output_schema.faults(schema):
            where = ("output", *path) if inside else ("output",)
            shown = ".".join(map(str, path))
            self._complain(
                ".".join(map(str, where)),
                message if inside or not shown else f"{shown}: {message}",
                head.span(where),
            )
        return cast(Mapping[str, Any], schema)

    def _turns(self, body_at: int) -> Iterator[Turn]:
        marks = list(_ROLE.finditer(self._text, body_at))
        before = self._text[body_at : marks[0].start()] if marks else self._text[body_at:]
        if not marks:
            if not before.strip():
                self._complain("", "there is no prompt after the front matter", self._end())
            yield self._turn("user", body_at, len(self._text))
            return
        if before.strip():
            start = body_at + len(before) - len(before.lstrip())
            self._complain(
                "",
                "text before the first role: put it under `## system` or `## user`",
                self._at(start),
            )
        for at, mark in enumerate(marks):
            end = marks[at + 1].start() if at + 1 < len(marks) else len(self._text)
            role = cast(Role, mark.group(1))
            if role == "system" and at:
                self._complain("", "`## system` comes first, and once", self._at(mark.start()))
            if not self._text[mark.end() : end].strip():
                self._complain("", f"nothing stands under `## {role}`", self._at(mark.start()))
            yield self._turn(role, mark.end(), end)
        if marks[-1].group(1) != "user":
            self._complain("", "the last role has to be `## user`", self._at(marks[-1].start()))

    def _turn(self, role: Role, start: int, end: int) -> Turn:
        made, faults = template(self._text[start:end])
        for fault in faults:
            span = self._at(start + fault.start, start + fault.end)
            self._complain("", fault.message, span)
        return Turn(role, made)

    def _complain(self, key: str, message: str, span: Span) -> None:
        self.problems.append(Problem(key, message, span))

    def _at(self, start: int, end: int | None = None) -> Span:
        """The place of some characters of one line; to the line's end without `end`."""
        line = self._text.count("\n", 0, start)
        begin = self._text.rfind("\n", 0, start) + 1
        if end is None:
            found = self._text.find("\n", start)
            end = len(self._text) if found < 0 else found
        return Span(line, start - begin, max(end - begin, start - begin + 1))

    def _end(self) -> Span:
        return self._at(max(len(self._text.rstrip()) - 1, 0))
