"""Between frozen attrs classes (snake_case) and JSON objects (camelCase), by cattrs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

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
        lambda cls: _strict(dict, make_dict_structure_fn(cls, converter, **overrides(cls))),
    )

    def listed(value: Any, cls: Any) -> Any:
        return [converter.structure(one, get_args(cls)[0]) for one in value]

    def made_of(origin: Any) -> Callable[[Any], bool]:
        return lambda cls: get_origin(cls) is origin

    converter.register_structure_hook_func(made_of(list), _strict(list, listed))
    converter.register_structure_hook_func(made_of(Literal), _strict(str, _one_of))
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(bool, _strict(bool))
    converter.register_structure_hook(str, _strict(str))
    converter.register_structure_hook(int, _strict(int, _whole))
    converter.register_structure_hook(float, _strict(float, _finite))
    return converter


Hook = Callable[[Any, Any], Any]


def _strict(kind: type, then: Hook = lambda value, _: value) -> Hook:
    """Take what JSON calls `kind` and nothing that could be made into one."""
    kinds = (int, float) if kind is float else (kind,)

    def structure(value: Any, cls: Any) -> Any:
        if type(value) not in kinds:
            raise ValueError(f"expected {_JSON[kind]}, got {_JSON.get(type(value), 'null')}")
        return then(value, cls)

    return structure


_JSON = {
    bool: "a boolean",
    str: "a string",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def _one_of(value: str, cls: Any) -> str:
    if value not in get_args(cls):
        raise ValueError(f"expected one of {', '.join(get_args(cls))}")
    return value


def _whole(value: int, _: Any) -> int:
    # Beyond this JavaScript tells neighbours apart no more, and SQLite refuses soon after.
    if abs(value) >= 2**53:
        raise ValueError("expected a whole number of at most 53 bits")
    return value


def _finite(value: float, _: Any) -> float:
    if not abs(value) <= sys.float_info.max:
        raise ValueError("expected a finite number")
    return float(value)


_CONVERTER = _converter()


def to_wire(message: Any) -> Any:
    """An attrs message as a JSON-ready dict with camelCase keys."""
    return _CONVERTER.unstructure(message)


def from_wire(cls: type[T], data: Any) -> T:
    """A JSON object as `cls`. Raises ValueError naming each key that is wrong or unknown."""
    try:
        return _CONVERTER.structure(data if data is not None else {}, cls)
    except ClassValidationError as error:
        raise ValueError("; ".join(reasons(error))) from error


def reasons(error: BaseException, path: str = "") -> list[str]:
    """What is wrong with a message that cattrs refused with `error`, key by key."""
    if isinstance(error, ForbiddenExtraKeysError):
        return [f"unknown key {key!r}" for key in sorted(error.extra_fields)]
    if isinstance(error, ClassValidationError):
        grouped, bare = error.group_exceptions()
        return [r for e, note in grouped for r in reasons(e, camel(note.name))] + [
            r for e in bare for r in reasons(e, path)
        ]
    if isinstance(error, KeyError):
        return [f"missing key {camel(str(error.args[0]))!r}"]
    return [f"{path}: {error}" if path else str(error)]
