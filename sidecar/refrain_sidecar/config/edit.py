"""Change one value in the text of a configuration and no other character. Pure."""

from __future__ import annotations

import json
from typing import Any

from refrain_sidecar.config.located_json import Path, parse


def with_value(text: str, section: str, key: str, value: Any) -> str:
    """`text` with `section.key` set to `value`, added when it is missing.

    Raises json.JSONDecodeError when the text is not JSON, ValueError when it is no configuration.
    """
    document = parse(text)
    if not isinstance(document.value, dict):
        raise ValueError("A configuration is an object.")
    encoded = json.dumps(value)
    if (section, key) in document.places:
        start, end = document.places[section, key]
        return text[:start] + encoded + text[end:]
    path: Path = (section,) if section in document.value else ()
    if path and not isinstance(document.value[section], dict):
        raise ValueError(f'"{section}" is not an object.')
    if path:
        members, member, indent = document.value[section], f'"{key}": {encoded}', "    "
    else:
        members, indent = document.value, "  "
        member = f'"{section}": {{\n    "{key}": {encoded}\n  }}'
    at = document.places[path][0] + 1
    return f"{text[:at]}\n{indent}{member}{',' if members else ''}{text[at:]}"
