"""A JSON schema as a GBNF grammar: keys in the schema's order, no blanks unless asked for.

Hand-made rather than left to llama.cpp because blanks cost tokens (pretty JSON takes more than
twice as many), and because its own conversion costs 0.65 s on first use against 4 ms for a
grammar. What is not covered here is left to llama.cpp: `grammar_for` returns None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

# The blanks llama.cpp's own conversion allows after each token.
_FREE_BLANKS = r'| " " | "\n"{1,2} [ \t]{0,20}'
# llama.cpp unrolls counted repetitions; beyond this the grammar gets slow to build.
_MAX_REPEAT = 512

_TERMINALS = {
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt/] | "u" [0-9a-fA-F]{4})',
    "integral": r'"-"? ("0" | [1-9] [0-9]{0,15})',
    "decimal": r'integral ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?',
    "any": "object | array | string | number | boolean | null",
    "object": r'"{" ws (string ":" ws any ("," ws string ":" ws any)*)? "}" ws',
    "array": r'"[" ws (any ("," ws any)*)? "]" ws',
    "string": r'"\"" char* "\"" ws',
    "integer": "integral ws",
    "number": "decimal ws",
    "boolean": '("true" | "false") ws',
    "null": '"null" ws',
}

# Keywords that say nothing about which texts are valid, or nothing this grammar has to add.
_ANNOTATIONS = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "$schema",
        "$id",
        "$defs",
        "definitions",
        "$comment",
        "deprecated",
        "additionalProperties",
        "discriminator",
    ]
)


class _Unsupported(Exception):
    pass


def grammar_for(schema: Mapping[str, Any] | str, *, free_blanks: bool = False) -> str | None:
    """GBNF for `schema`, or for any JSON object when it is the word "json".

    `free_blanks` allows the line breaks and indents that Ollama allows. None: the schema uses a
    keyword that is not covered here.
    """
    writer = _Writer()
    try:
        root = "object" if schema == "json" else writer.rule_of(schema, "root")
    except _Unsupported:
        return None
    blanks = _FREE_BLANKS if free_blanks else '""'
    return writer.text(root, blanks)


class _Writer:
    def __init__(self) -> None:
        self._rules: dict[str, str] = {}
        self._document: Mapping[str, Any] = {}
        self._refs: dict[str, str] = {}

    def text(self, root: str, blanks: str) -> str:
        rules = {**_TERMINALS, **self._rules, "ws": blanks}
        if root != "root":
            rules["root"] = root
        return "\n".join(f"{name} ::= {body}" for name, body in rules.items()) + "\n"

    def rule_of(self, schema: Any, name: str) -> str:
        """The name of a rule for `schema`, called `name` if it has to be made."""
        if name == "root" and isinstance(schema, Mapping):
            self._document = schema
        if schema is True or schema == {}:
            return "any"
        if not isinstance(schema, Mapping):
            raise _Unsupported
        keywords = {k: v for k, v in schema.items() if k not in _ANNOTATIONS}
        if "additionalProperties" in schema and isinstance(schema["additionalProperties"], Mapping):
            raise _Unsupported
        return self._by_keywords(keywords, name)

    def _by_keywords(self, schema: dict[str, Any], name: str) -> str:
        if "$ref" in schema:
            return self._reference(schema["$ref"], only=len(schema) == 1)
        if "const" in schema:
            return self._add(name, f"{_literal(schema['const'])} ws")
        if "enum" in schema:
            choices = " | ".join(_literal(value) for value in schema["enum"])
            return self._add(name, f"({choices}) ws")
        for union in ("anyOf", "oneOf", "allOf"):
            if union in schema:
                if len(schema) > 1 or (union == "allOf" and len(schema[union]) > 1):
                    raise _Unsupported
                return self._union(schema[union], name)
        kind = schema.pop("type", "object" if "properties" in schema else None)
        if isinstance(kind, list):
            return self._union([{**schema, "type": each} for each in kind], name)
        return self._by_type(kind, schema, name)

    def _by_type(self, kind: Any, schema: dict[str, Any], name: str) -> str:
        if kind == "object":
            return self._object(schema, name)
        if kind == "array":
            return self._array(schema, name)
        if kind == "string":
            lengths = schema.pop("minLength", None), schema.pop("maxLength", None)
            _nothing_left(schema)
            if lengths == (None, None):
                return "string"
            return self._add(name, f'"\\"" char{_repeat(*lengths)} "\\"" ws')
        _nothing_left(schema)
        if kind in ("integer", "number", "boolean", "null"):
            return str(kind)
        if kind is None:
            return "any"
        raise _Unsupported

    def _object(self, schema: dict[str, Any], name: str) -> str:
        properties = schema.pop("properties", {})
        required = set(schema.pop("required", ()))
        _nothing_left(schema)
        if not properties:
            return "object"
        pairs = []
        for index, (key, value) in enumerate(properties.items()):
            rule = self.rule_of(value, f"{name}-{index}")
            pairs.append((f'{_literal(key)} ":" ws {rule}', key in required))
        return self._add(name, f'"{{" ws {self._pairs(pairs, name)} "}}" ws')

    def _pairs(self, pairs: Sequence[tuple[str, bool]], name: str) -> str:
        """The name of a rule for `pairs`, those not required left out or not."""
        # From the last pair to the first: what may follow, when nothing or something was written.
        following = {False: '""', True: '""'}
        for index, (pair, is_required) in reversed(list(enumerate(pairs))):
            written = following[True]
            rules = {
                False: f"{pair} {written}",
                True: f'"," ws {pair} {written}',
            }
            if not is_required:
                rules = {began: f"({body} | {following[began]})" for began, body in rules.items()}
            following = {
                began: self._add(f"{name}-p{index}{'n' if began else 'f'}", body)
                for began, body in rules.items()
            }
        return following[False]

    def _array(self, schema: dict[str, Any], name: str) -> str:
        item = self.rule_of(schema.pop("items", True), f"{name}-item")
        least, most = schema.pop("minItems", 0), schema.pop("maxItems", None)
        _nothing_left(schema)
        if most == 0:
            return self._add(name, '"[" ws "]" ws')
        rest = _repeat(max(least - 1, 0), None if most is None else most - 1)
        items = f'{item} ("," ws {item}){rest}'
        if least == 0:
            items = f"({items})?"
        return self._add(name, f'"[" ws {items} "]" ws')

    def _union(self, choices: Sequence[Any], name: str) -> str:
        rules = [self.rule_of(choice, f"{name}-{index}") for index, choice in enumerate(choices)]
        return self._add(name, " | ".join(rules))

    def _reference(self, pointer: Any, *, only: bool) -> str:
        if not only or not isinstance(pointer, str) or not pointer.startswith("#/"):
            raise _Unsupported
        if pointer not in self._refs:
            target: Any = self._document
            for part in pointer[2:].split("/"):
                if not isinstance(target, Mapping) or part not in target:
                    raise _Unsupported
                target = target[part]
            # Named before it is written, so that a schema may refer to itself.
            name = self._refs[pointer] = f"ref-{len(self._refs)}"
            made = self.rule_of(target, name)
            if made != name:
                self._add(name, made)
        return self._refs[pointer]

    def _add(self, name: str, body: str) -> str:
        self._rules[name] = body
        return name


def _nothing_left(schema: Mapping[str, Any]) -> None:
    if schema:
        raise _Unsupported


def _repeat(least: int | None, most: int | None) -> str:
    low = least or 0
    if max(low, most or 0) > _MAX_REPEAT:
        raise _Unsupported
    if most is None:
        return f"{{{low},}}" if low else "*"
    return f"{{{low},{most}}}"


def _literal(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
