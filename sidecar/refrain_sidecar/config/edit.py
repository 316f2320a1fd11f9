"""Change one value in the text of perf_config.json and no other character. Pure."""

from __future__ import annotations

import json
from typing import Any

from refrain_sidecar.config.located_json import Span, parse


def with_value(text: str, section: str, key: str, value: Any) -> str:
    """`text` with `section.key` set to `value`, added when it is missing.

    Raises json.JSONDecodeError when the text is not JSON, ValueError when it is no configuration.
    """
    document = parse(text)
    if not isinstance(document.value, dict):
        raise ValueError("A configuration is an object.")
    encoded = json.dumps(value)
    if (span := document.spans.get((section, key))) is not None:
        start, end = _offsets(text, span)
        return text[:start] + encoded + text[end:]
    if (span := document.spans.get((section,))) is not None:
        members, member, indent = document.value[section], f'"{key}": {encoded}', "    "
    else:
        span = document.spans[()]
        members, indent = document.value, "  "
        member = f'"{section}": {{\n    "{key}": {encoded}\n  }}'
    at = _offsets(text, span)[0] + 1
    return f"{text[:at]}\n{indent}{member}{',' if members else ''}{text[at:]}"


def _offsets(text: str, span: Span) -> tuple[int, int]:
    lines = text.splitlines(keepends=True)
    start = sum(len(line) for line in lines[: span.line])
    return start + span.column, start + span.end_column
