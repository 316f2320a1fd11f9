"""Schemas as grammars: what is covered, in which order, and what is left to llama.cpp.

That the grammars do what they say is tested with the real engine, in tests/integration/embedded.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from refrain_sidecar.inference.embedded.grammar import grammar_for

NAME = {"type": "string", "maxLength": 5}


def rules(schema: Any, **how: Any) -> dict[str, str]:
    """The grammar's rules by name."""
    text = grammar_for(schema, **how)
    assert text is not None
    return dict(line.split(" ::= ", 1) for line in text.splitlines())


def test_keys_keep_the_order_of_the_schema() -> None:
    made = rules(
        {
            "type": "object",
            "properties": {"b": {"type": "integer"}, "a": {"type": "null"}},
            "required": ["a", "b"],
        }
    )
    assert made["root"] == '"{" ws root-p0f "}" ws'
    assert made["root-p0f"] == r'"\"b\"" ":" ws integer root-p1n'
    assert made["root-p1n"] == r'"," ws "\"a\"" ":" ws null ""'


def test_blanks_are_for_those_who_ask() -> None:
    assert rules("json")["ws"] == '""'
    assert r"\n" in rules("json", free_blanks=True)["ws"]


def test_words_are_escaped_twice_for_json_and_for_the_grammar() -> None:
    root = rules({"enum": ['say "no"', "ü", 3, None]})["root"]
    assert root == r'("\"say \\\"no\\\"\"" | "\"ü\"" | "3" | "null") ws'


def test_lengths() -> None:
    assert "char{0,5}" in rules(NAME)["root"]
    assert "char{2,}" in rules({"type": "string", "minLength": 2})["root"]
    items = rules({"type": "array", "items": NAME, "minItems": 3, "maxItems": 3})["root"]
    assert items.count("root-item") == 2
    assert "{2,2}" in items


def test_every_name_that_is_used_is_a_rule() -> None:
    made = rules(
        {
            "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
            "type": "object",
            "properties": {
                "node": {"$ref": "#/$defs/node"},
                "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Maybe"},
                "many": {"type": "array", "items": {"type": ["integer", "boolean"]}},
            },
            "required": ["many"],
        }
    )
    for body in made.values():
        bare = re.sub(r'"(\\.|[^"\\])*"|\[(\\.|[^\]\\])*\]|\{[\d,]*\}', " ", body)
        assert set(re.findall(r"[a-z][\w-]*", bare)) <= made.keys()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a$"},
        {"type": "string", "format": "date"},
        {"type": "string", "maxLength": 100_000},
        {"type": "integer", "minimum": 3},
        {"allOf": [{"type": "string"}, {"maxLength": 3}]},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"$ref": "https://example.org/schema"},
        {"type": "object", "properties": {"a": {"not": {"type": "string"}}}},
    ],
)
def test_what_is_not_covered_is_left_to_others(schema: Any) -> None:
    assert grammar_for(schema) is None
