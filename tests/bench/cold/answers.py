"""The shape of the answers everybody is asked for in `make bench-cold`, and what they are told.

The wheel stands in the instructions because a client without ours must show it to the model. The
lengths are those of our own schemas, so that no candidate writes more than another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refrain_sidecar.enrichment import schemas
from refrain_sidecar.enrichment.wheel import WHEEL

Schema = Mapping[str, Any]

_NUMBER: Schema = {"type": "number"}
_EVENT: Schema = {"type": "string", "minLength": 3, "maxLength": schemas.EVENT_CHARS}


def _object(**properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(item: Schema, most: int) -> Schema:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


_PLACE = {
    "primary": {"enum": list(WHEEL.primaries)},
    "secondary": {"enum": [it.name for it in WHEEL.secondaries]},
    "tertiary": {"enum": list(WHEEL.tertiaries)},
}
_TOLD = {
    "invoked": _list({"enum": list(WHEEL.words)}, 1),
    "expressed": _list({"enum": list(WHEEL.words)}, 1 + schemas.MAX_EXPRESSED),
    "events": _list(_EVENT, schemas.MAX_EVENTS),
}
# What our Stage 1 answers, less what no model is asked for (warnings, provenance).
STAGE1 = _object(
    wheel=_object(**_PLACE),
    scores=_object(**dict.fromkeys(WHEEL.primaries, _NUMBER)),
    confidence=_NUMBER,
    valence=_NUMBER,
    arousal=_NUMBER,
    **_TOLD,
)
# The same without its numbers: the least another client could ask for and still use Stage 2.
STAGE1_WORDS = _object(wheel=_object(**_PLACE), **_TOLD)
STAGE2 = schemas.WRITING

_WHEEL = "\n".join(
    f"{secondary.name} ({primary}): {', '.join(secondary.tertiaries)}"
    for primary, ring in WHEEL.rings.items()
    for secondary in ring
)
STAGE1_TASK = (
    "You put a short text on a feelings wheel. Choose the primary, secondary and tertiary feeling "
    "of its writer, score each primary feeling between 0 and 1, give your confidence, the valence "
    "(-1 to 1) and the arousal (0 to 1), the feelings it invokes and expresses, and its events in "
    f"short phrases. Answer in JSON. The wheel:\n{_WHEEL}"
)
STAGE2_TASK = (
    "You write to someone about a feeling: a poem of three short lines, three small tips, a kind "
    f"closing sentence and the tone ({', '.join(schemas.TONES)}). Answer in JSON."
)
