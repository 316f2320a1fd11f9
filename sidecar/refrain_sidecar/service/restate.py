"""Say what one room holds in the words of the protocol.

The rooms' classes and the protocol's name their fields alike by agreement, so restating is copying
by name, nested classes included; what the target does not know stays behind.
"""

from __future__ import annotations

from typing import Any, TypeVar

from cattrs import Converter

T = TypeVar("T")

_CONVERTER = Converter()


def restate(target: type[T], source: Any, **more: Any) -> T:
    """`source` as a `target`; `more` gives fields that `source` has not. Raises if one lacks."""
    fields = _CONVERTER.unstructure(source) | _CONVERTER.unstructure(more)
    return _CONVERTER.structure(fields, target)
