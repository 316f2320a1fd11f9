"""Which requests are replayed: by header, address, model, configuration. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final, Literal, cast

Policy = Literal["auto", "all", "only", "off", "refresh"]

POLICIES: Final = ("auto", "all", "only", "off", "refresh")
HEADER, SAMPLE_HEADER = b"refrain-cache", b"refrain-sample"
# As many answers to one question as anybody keeps apart.
_MOST_SAMPLES: Final = 1000


def of_path(path: str) -> tuple[Policy | None, str]:
    """`/all/api/chat` → `all` and `/api/chat`; None where the address names no policy."""
    first, _, rest = path[1:].partition("/")
    if first in POLICIES:
        return cast(Policy, first), f"/{rest}"
    return None, path


def in_force(
    header: bytes | None,
    by_path: Policy | None,
    model: str,
    rules: Mapping[str, str],
    default: str,
) -> Policy:
    """The policy of one request: what its header says, else its address, a rule, the default.

    `rules` map model names, or patterns of them (`qwen*`), to policies; the first that fits counts.
    """
    said = (header or b"").decode("latin-1").strip().lower()
    if said in POLICIES:
        return cast(Policy, said)
    if by_path is not None:
        return by_path
    for pattern, policy in rules.items():
        if fnmatchcase(model.lower(), pattern.lower()):
            return cast(Policy, policy)
    return cast(Policy, default)


def samples(header: bytes | None) -> int:
    """How many different answers to this question are kept; 1 unless a header says more."""
    said = (header or b"").decode("latin-1").strip()
    return min(int(said), _MOST_SAMPLES) if said.isascii() and said.isdigit() and int(said) else 1
