"""extension/src/protocol.ts says what `protocol/` says, declaration by declaration."""

from __future__ import annotations

import re
import types
import typing
from pathlib import Path

import attrs
import pytest

from refrain_cache import entry
from refrain_cache.accounts import stats
from refrain_sidecar import methods, protocol
from refrain_sidecar.protocol.wire import camel

MIRROR = (Path(__file__).parents[3] / "extension" / "src" / "protocol.ts").read_text("utf-8")

# Where a choice gets its name.
NAMED = {
    name: value
    for module in (protocol, entry, stats)
    for name, value in vars(module).items()
    if typing.get_origin(value) is typing.Literal
}


def parts_of(hint: typing.Any) -> typing.Iterator[typing.Any]:
    """The choices and messages that an annotation names, those that others need first."""
    if hint in NAMED.values():
        yield hint
    for part in typing.get_args(hint):
        yield from parts_of(part)
    if attrs.has(hint):
        for inner in typing.get_type_hints(hint).values():
            yield from parts_of(inner)
        yield hint


SAID = [
    part
    for hint in (
        *(hint for pair in protocol.REQUESTS.values() for hint in pair),
        protocol.EnrichProgress,
        protocol.RunProgress,
    )
    for part in parts_of(hint)
]
MESSAGES = list(dict.fromkeys(part for part in SAID if attrs.has(part)))
ALIASES = {name: value for name, value in NAMED.items() if value in SAID}
CONSTANTS = {
    name: value
    for name, value in vars(protocol).items()
    if name.isupper() and isinstance(value, str | int)
}

PLAIN: dict[object, str] = {
    typing.Any: "unknown",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def typescript(hint: object) -> str:
    """The TypeScript type of a Python annotation, spelt as protocol.ts spells it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        named = [name for name, value in NAMED.items() if value == hint]
        return named[0] if named else union(hint)
    if origin in (types.UnionType, typing.Union):
        return " | ".join(typescript(part) for part in arguments)
    if origin in (list, tuple):
        return f"{typescript(arguments[0])}[]"
    if origin is dict:
        return f"Record<{typescript(arguments[0])}, {typescript(arguments[1])}>"
    if attrs.has(hint):  # type: ignore[arg-type]
        return hint.__name__
    return PLAIN[hint]


def union(literal: object) -> str:
    return " | ".join(f'"{value}"' for value in typing.get_args(literal))


def declared(message: type[attrs.AttrsInstance]) -> str:
    """The interface that mirrors `message`. What has a default need not be sent by TypeScript."""
    hints = typing.get_type_hints(message)
    ours = message.__name__.endswith("Params")

    def mark(field: attrs.Attribute[object]) -> str:
        return "?" if ours and field.default is not attrs.NOTHING else ""

    fields = [
        f"  {camel(a.name)}{mark(a)}: {typescript(hints[a.name])};" for a in attrs.fields(message)
    ]
    return "\n".join([f"export interface {message.__name__} {{", *fields, "}"])


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_each_message_is_mirrored_field_by_field(message: type[attrs.AttrsInstance]) -> None:
    found = re.search(rf"^export interface {message.__name__} \{{.*?^\}}", MIRROR, re.M | re.S)
    assert found is not None, f"protocol.ts lacks {message.__name__}"
    assert found[0] == declared(message)


@pytest.mark.parametrize("name", ALIASES)
def test_each_choice_is_mirrored(name: str) -> None:
    assert f"export type {name} = {union(ALIASES[name])};" in MIRROR


def test_every_constant_is_mirrored_with_its_value() -> None:
    found = dict(re.findall(r"^export const (\w+) = (.+);$", MIRROR, re.M))
    assert found == {
        name: f'"{value}"' if isinstance(value, str) else str(value)
        for name, value in CONSTANTS.items()
    }


def test_the_mirror_declares_nothing_else_and_keeps_the_order() -> None:
    interfaces = re.findall(r"^export interface (\w+)", MIRROR, re.M)
    assert interfaces == [message.__name__ for message in MESSAGES]
    assert sorted(re.findall(r"^export type (\w+)", MIRROR, re.M)) == sorted(ALIASES)


def test_every_request_that_is_named_is_declared() -> None:
    assert list(methods.REQUESTS) == list(protocol.REQUESTS)
