"""The variables in a prompt: found, and filled in one pass. Pure.

What is filled in is never looked at again: a text may say `${file}` and means just that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from refrain_sidecar.enrichment.errors import InputRefused

# What each variable stands for, as people are told.
VARIABLES: Mapping[str, str] = {
    "text": "What the recipe is run on: the selection or, with nothing selected, the whole file.",
    "selection": "What is selected. A recipe with it runs only on a selection.",
    "file": "The path of the file that the text is from.",
    "fileBasename": "The name of the file that the text is from.",
    "input": "A word that is asked for: `${input:name}` or `${input:name:what to hand in}`.",
}
# Of these one is as good as the other: both are what the recipe is run on.
OF_TEXT = frozenset({"text", "selection"})
_FOUND = re.compile(r"\\\$\{|\$\{([^{}\n]*)(\}?)")


@frozen
class Variable:
    """A place to fill. `name` is that of an input for `input`, else empty."""

    kind: str
    name: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}" if self.name else f"${{{self.kind}}}"


@frozen
class Fault:
    """What is wrong with a template between two of its characters."""

    start: int
    end: int
    message: str


@frozen
class Template:
    """Texts and variables in turn."""

    parts: tuple[str | Variable, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(part for part in self.parts if isinstance(part, Variable))

    def filled(self, values: Mapping[str, str], inputs: Mapping[str, str]) -> str:
        """The text with every variable filled. Raises InputRefused naming one that is not given."""
        return "".join(
            part if isinstance(part, str) else _value(part, values, inputs) for part in self.parts
        )


def template(text: str) -> tuple[Template, tuple[Fault, ...]]:
    """The template that `text` is, and what is wrong with it. `\\${` stands for `${` itself."""
    parts: list[str | Variable] = []
    faults: list[Fault] = []
    at = 0
    for found in _FOUND.finditer(text):
        parts.append(text[at : found.start()])
        at = found.end()
        if found.group(1) is None:
            parts.append("${")
            continue
        kind, _, rest = found.group(1).partition(":")
        name, _, hint = rest.partition(":")
        variable = Variable(kind, name.strip(), hint.strip())
        if why := _why_not(variable, closed=bool(found.group(2)), rest=rest):
            faults.append(Fault(found.start(), found.end(), why))
        parts.append(variable)
    parts.append(text[at:])
    return Template(tuple(part for part in parts if part != "")), tuple(faults)


def _why_not(variable: Variable, *, closed: bool, rest: str) -> str | None:
    if not closed:
        return "a variable that is not closed; write `\\${` for the two characters themselves"
    if variable.kind not in VARIABLES:
        known = ", ".join(f"${{{name}}}" for name in VARIABLES if name != "input")
        return (
            f"unknown variable ${{{variable.kind}}}; known: {known}, ${{input:name:hint}}; "
            "write `\\${` for the two characters themselves"
        )
    if variable.kind == "input" and not variable.name:
        return "an input needs a name: `${input:name}` or `${input:name:what to hand in}`"
    if variable.kind != "input" and rest:
        return f"${{{variable.kind}}} takes nothing after it"
    return None


def _value(variable: Variable, values: Mapping[str, str], inputs: Mapping[str, str]) -> str:
    given = inputs.get(variable.name) if variable.name else values.get(variable.kind)
    if given is None or not given.strip():
        wanted = variable.hint and f"it was not given ({variable.hint})."
        raise InputRefused(f"{variable} cannot be filled: {wanted or _WANTED[variable.kind]}")
    return given


_WANTED = {
    "text": "there is no text. Hand one in, or open a file.",
    "selection": "nothing is selected. Select a text first.",
    "file": "the text is from no file.",
    "fileBasename": "the text is from no file.",
    "input": "it was not given.",
}
