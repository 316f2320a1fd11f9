"""Schemas as llama.cpp enforces them (by llguidance), and a check of what comes of it.

When llguidance cannot enforce a schema, llama.cpp says so in its log and generates without any
constraint. So a schema is looked at before, and the text afterwards: nobody is given anything else
than they asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import fastjsonschema

from refrain_sidecar.inference.embedded.failures import EngineFailure, bad_request

Check = Callable[[str], None]
_WRONG = (fastjsonschema.JsonSchemaDefinitionException, re.error)


def enforced(schema: Mapping[str, Any] | str, *, free_blanks: bool) -> dict[str, Any]:
    """`schema`, or that of any object for the word "json", as llama.cpp is to enforce it.

    Objects have the properties they name, unless the schema says otherwise: small models would go
    on inventing. Without `free_blanks` no tokens are spent on blanks: pretty JSON takes more than
    twice as many.
    """
    whole = {"type": "object"} if isinstance(schema, str) else _closed(schema)
    return {**whole, "x-guidance": {"whitespace_flexible": free_blanks}}


# Under these stand values, not schemas.
_VALUES = frozenset({"const", "default", "enum", "examples"})


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {n: part if n in _VALUES else _closed(part) for n, part in schema.items()}
    if isinstance(schema.get("properties"), Mapping):
        closed.setdefault("additionalProperties", False)
    return closed


def check_for(schema: Mapping[str, Any]) -> Check:
    """A function that raises EngineFailure 500 for a text that is not valid under `schema`.

    Raises EngineFailure 400 if `schema` itself makes no sense.
    """
    try:
        # References stay inside the schema: an engine on loopback fetches nothing for anybody.
        validate = fastjsonschema.compile(
            dict(schema), handlers=dict.fromkeys(("http", "https", "ftp", "file"), _refuse)
        )
    # The last two: what Python says of code with too many brackets or blocks in one another.
    except (*_WRONG, SyntaxError, MemoryError) as error:
        raise bad_request(f"invalid JSON schema in format: {error}") from error

    def check(text: str) -> None:
        try:
            validate(json.loads(text))
        except (ValueError, fastjsonschema.JsonSchemaException) as error:
            raise EngineFailure(
                500,
                f"the model's answer does not follow the schema: {error}. The schema may use "
                "keywords that this engine cannot enforce; try a simpler one",
            ) from error

    return check


def _refuse(address: str) -> Any:
    raise fastjsonschema.JsonSchemaDefinitionException(f"{address} is outside the schema")
