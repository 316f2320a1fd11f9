"""JSON schemas of messages, as `protocol/wire` puts them on the wire. Pure."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

import attrs

from refrain_sidecar.protocol.wire import camel

Schema = dict[str, Any]

_PLAIN: Mapping[Any, Schema] = {
    Any: {},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}


def schema_of(hint: Any) -> Schema:
    """The schema of what an annotation admits, whole: not every host follows a `$ref`.

    A text that annotates it describes it. Raises KeyError for what no message holds.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return {**schema_of(arguments[0]), "description": arguments[1]}
    if origin is typing.Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin in (types.UnionType, typing.Union):
        return _either([schema_of(part) for part in arguments])
    if origin in (list, tuple):
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if attrs.has(hint):
        return _object(hint)
    return dict(_PLAIN[hint])


def _object(message: Any) -> Schema:
    hints = typing.get_type_hints(message, include_extras=True)
    properties: Schema = {}
    required: list[str] = []
    for field in attrs.fields(message):
        name = camel(field.name)
        properties[name] = schema_of(hints[field.name])
        if field.default is attrs.NOTHING:
            required.append(name)
        elif isinstance(field.default, bool | str):
            properties[name]["default"] = field.default
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _either(schemas: list[Schema]) -> Schema:
    """One of them; of plain types the short form, which more hosts understand."""
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}
