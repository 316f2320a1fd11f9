"""Between frozen attrs classes (snake_case) and JSON objects (camelCase), by cattrs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

T = TypeVar("T")


def camel(name: str) -> str:
    """`saved_ms` → `savedMs`."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, prefer_attrib_converters=True)

    def overrides(cls: Any) -> dict[str, Any]:
        return {a.name: override(rename=camel(a.name)) for a in attrs.fields(cls)}

    converter.register_unstructure_hook_factory(
        attrs.has, lambda cls: make_dict_unstructure_fn(cls, converter, **overrides(cls))
    )
    converter.register_structure_hook_factory(
        attrs.has,
        lambda cls: make_dict_structure_fn(
            cls, converter, _cattrs_forbid_extra_keys=True, **overrides(cls)
        ),
    )
    converter.register_unstructure_hook(Path, str)
    for primitive in (str, bool):
        converter.register_structure_hook(primitive, _strict(primitive))
    return converter


def _strict(kind: type) -> Any:
    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return structure


_CONVERTER = _converter()


def to_wire(message: Any) -> Any:
    """An attrs message as a JSON-ready dict with camelCase keys."""
    return _CONVERTER.unstructure(message)


def from_wire(cls: type[T], data: Any) -> T:
    """A JSON object as `cls`. Raises ValueError naming each key that is wrong or unknown."""
    try:
        return _CONVERTER.structure(data if data is not None else {}, cls)
    except ClassValidationError as error:
        raise ValueError("; ".join(_reasons(error))) from error


def _reasons(error: BaseException, path: str = "") -> list[str]:
    if isinstance(error, ForbiddenExtraKeysError):
        return [f"unknown key {key!r}" for key in sorted(error.extra_fields)]
    if isinstance(error, ClassValidationError):
        grouped, bare = error.group_exceptions()
        return [r for e, note in grouped for r in _reasons(e, camel(note.name))] + [
            r for e in bare for r in _reasons(e, path)
        ]
    if isinstance(error, KeyError):
        return [f"missing key {camel(str(error.args[0]))!r}"]
    return [f"{path}: {error}" if path else str(error)]
