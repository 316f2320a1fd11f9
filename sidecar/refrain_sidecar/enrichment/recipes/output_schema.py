"""Which JSON schemas a recipe may ask its answer to fit. Pure.

What engines know to hold a model to, and nothing that reads, fetches or can be made to run for
ever: no references, no regular expressions, no formats.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from refrain_sidecar.config.located_json import Path

_TYPES = frozenset({"string", "integer", "number", "boolean", "null", "object", "array"})
_DEEPEST = 12
_MOST_PARTS = 500

Fault = tuple[Path, str]


def faults(schema: Any) -> tuple[Fault, ...]:
    """What is wrong with a schema, each with its path in it; nothing, if it can be used."""
    found = list(_faults(schema, (), [0]))
    if not found and not any(key in schema for key in ("type", "enum", "const", "anyOf")):
        found.append(((), 'a schema says at least what `type` the answer has, such as "object"'))
    return tuple(found)


def _faults(schema: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    parts[0] += 1
    if not isinstance(schema, dict):
        yield path, "expected a JSON schema: keys and values"
    elif len(path) > 2 * _DEEPEST or parts[0] > _MOST_PARTS:
        yield path, "the schema is too large"
    else:
        for key, value in schema.items():
            yield from _KEYWORDS.get(key, _unknown)(value, (*path, key), parts)
        required = schema.get("required")
        if isinstance(required, list) and isinstance(schema.get("properties"), dict):
            for at, name in enumerate(required):
                if isinstance(name, str) and name not in schema["properties"]:
                    yield (*path, "required", at), f"{name!r} is none of the properties"


def _unknown(_: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    known = ", ".join(_KEYWORDS)
    yield path, f"{path[-1]!r} is not taken in a recipe's schema; known: {known}"


def _type(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    named = value if isinstance(value, list) and value else [value]
    if not all(isinstance(name, str) and name in _TYPES for name in named):
        yield path, f"expected one of {', '.join(sorted(_TYPES))}, got {json.dumps(value)[:60]}"


def _schemas_by_name(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield path, "expected names and their schemas"
        return
    for name, schema in value.items():
        yield from _faults(schema, (*path, name), parts)


def _schemas(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    if not isinstance(value, list) or not value:
        yield path, "expected a list of schemas"
        return
    for at, schema in enumerate(value):
        yield from _faults(schema, (*path, at), parts)


def _words(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        yield path, "expected a list of names"


def _choices(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    parts[0] += len(value) if isinstance(value, list) else 0
    if not isinstance(value, list) or not value:
        yield path, "expected a list of values"
    elif not all(choice is None or isinstance(choice, str | int | float) for choice in value):
        yield path, "expected a list of words, numbers, true, false and null"
    elif parts[0] > _MOST_PARTS:
        yield path, "the schema is too large"


def _constant(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    yield from _choices([value], path, parts)


def _count(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        yield path, "expected a whole number of at least 0"


def _number(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield path, "expected a number"


def _flag(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield path, "expected true or false"


def _remark(value: Any, path: Path, parts: list[int]) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield path, "expected a text"


_KEYWORDS: Mapping[str, Callable[[Any, Path, list[int]], Iterator[Fault]]] = {
    "type": _type,
    "properties": _schemas_by_name,
    "required": _words,
    "additionalProperties": _flag,
    "items": _faults,
    "minItems": _count,
    "maxItems": _count,
    "minLength": _count,
    "maxLength": _count,
    "minimum": _number,
    "maximum": _number,
    "enum": _choices,
    "const": _constant,
    "anyOf": _schemas,
    "title": _remark,
    "description": _remark,
}
