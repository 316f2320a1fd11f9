"""The JSON the model is bound to, and what is checked of it before it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, cast

import fastjsonschema

from refrain_sidecar.enrichment.wheel import WHEEL

Schema = Mapping[str, Any]
# The feeling named counts as expressed anyway; this is one beside it.
MAX_EXPRESSED = 1
MAX_EVENTS = 1
EVENT_CHARS = 72
LINE_CHARS = 56
TIP_CHARS = 60
CLOSING_CHARS = 72
TONES = ("warm", "bright", "gentle", "calm", "steady", "tender", "hopeful", "soothing")


def feeling(words: Sequence[str]) -> Schema:
    """One word: for engines that tell nothing about probabilities."""
    return _object(feeling={"enum": list(words)})


def _object(**properties: Any) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _three(chars: int) -> Schema:
    line = {"type": "string", "minLength": 8, "maxLength": chars}
    return {"type": "array", "items": line, "minItems": 3, "maxItems": 3}


def checker(schema: Schema) -> Callable[[Any], None]:
    """A function that raises ValueError, naming the fault, for what does not fit `schema`."""
    check = cast(Callable[[Any], Any], fastjsonschema.compile(dict(schema)))

    def run(value: Any) -> None:
        try:
            check(value)
        except fastjsonschema.JsonSchemaException as error:
            raise ValueError(str(error)) from error

    return run


def parsed(text: str, schema: Schema) -> Any:
    """The JSON in `text`. Raises ValueError, naming the fault, for what does not fit `schema`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    checker(schema)(value)
    return value


_WORD = {"enum": list(WHEEL.words)}
_SHORT = {"type": "string", "minLength": 1}

ENRICHMENT: Schema = _object(
    text_chars={"type": "integer", "minimum": 1},
    wheel=_object(
        primary={"enum": list(WHEEL.primaries)},
        secondary={"enum": [secondary.name for secondary in WHEEL.secondaries]},
        tertiary={"enum": list(WHEEL.tertiaries)},
    ),
    scores=_object(
        **{name: {"type": "number", "minimum": 0, "maximum": 1} for name in WHEEL.primaries}
    ),
    confidence={"type": "number", "minimum": 0, "maximum": 1},
    low_confidence={"type": "boolean"},
    valence={"type": "number", "minimum": -1, "maximum": 1},
    arousal={"type": "number", "minimum": 0, "maximum": 1},
    invoked={"type": "array", "items": _WORD, "minItems": 1, "uniqueItems": True},
    expressed={"type": "array", "items": _WORD, "minItems": 1, "uniqueItems": True},
    events={"type": "array", "items": {**_SHORT, "maxLength": EVENT_CHARS}},
    warnings={"type": "array", "items": _SHORT},
    provenance=_object(
        engine={"enum": ["ollama", "embedded"]},
        model=_SHORT,
        digest=_SHORT,
        version={"type": "string"},
        prompt=_SHORT,
        way={"enum": ["logprobs", "top_logprobs", "generated"]},
        lacks={"type": "array", "items": _SHORT},
    ),
)

ENRICHMENT_HASH = sha256(json.dumps(ENRICHMENT, sort_keys=True).encode()).hexdigest()[:16]

WRITING: Schema = _object(
    poem=_three(LINE_CHARS),
    tips=_three(TIP_CHARS),
    closing={"type": "string", "minLength": 8, "maxLength": CLOSING_CHARS},
    tone={"enum": list(TONES)},
)
