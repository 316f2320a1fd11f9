"""The JSON schema of perf_config.json: where it is, and how to say what it expects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA_NAME = "perf_config.schema.json"

_TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}


@cache
def schema() -> Mapping[str, Any]:
    """The schema: inside the package when installed, in `config/` in a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package, package.parents[1] / "config"):
        if (folder / SCHEMA_NAME).is_file():
            loaded: Mapping[str, Any] = json.loads((folder / SCHEMA_NAME).read_bytes())
            return loaded
    raise FileNotFoundError(
        f"{SCHEMA_NAME} is missing from {package}. The installation is incomplete: install Refrain "
        "again."
    )


def expected(spec: Mapping[str, Any]) -> str:
    """What a part of the schema accepts, in words: `"auto" or a whole number from 1 to 512`."""
    if "anyOf" in spec:
        return " or ".join(expected(part) for part in spec["anyOf"])
    if "const" in spec:
        return json.dumps(spec["const"])
    if "enum" in spec:
        return "one of " + ", ".join(json.dumps(choice) for choice in spec["enum"])
    words = _TYPES[spec["type"]]
    if "minimum" in spec and "maximum" in spec:
        return f"{words} from {spec['minimum']} to {spec['maximum']}"
    if "minimum" in spec:
        return f"{words} of at least {spec['minimum']}"
    if "exclusiveMinimum" in spec:
        return f"{words} above {spec['exclusiveMinimum']}"
    if "pattern" in spec:
        example = spec.get("examples", [spec.get("default", "30m")])[0]
        return f"{words} such as {json.dumps(example)}"
    if spec.get("minLength"):
        return f"{words} that is not empty"
    return words
