"""A recipe as it was read: what to say to the model, and how to ask it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import asdict, frozen

from refrain_sidecar.enrichment.prompts import hash_of
from refrain_sidecar.enrichment.recipes.template import OF_TEXT, Template, Variable
from refrain_sidecar.enrichment.text import checked, unturned
from refrain_sidecar.inference.ollama.messages import Message

Role = Literal["system", "user", "assistant"]
# The most tokens of an answer where the recipe says nothing.
NUM_PREDICT = 512


@frozen
class Turn:
    """What one of the conversation says."""

    role: Role
    template: Template


@frozen
class Given:
    """What a recipe is run on. `whole`: `text` is a whole file's, so nothing is selected."""

    text: str | None = None
    file: str | None = None
    inputs: Mapping[str, str] = {}
    whole: bool = False


@frozen
class Definition:
    """One recipe. `source` is the text it was read from; `output` the schema of its answer, None
    where that is text; `model` None for the one that answers everything else.
    """

    name: str
    source: str
    turns: tuple[Turn, ...]
    description: str = ""
    argument_hint: str = ""
    model: str | None = None
    options: Mapping[str, Any] = {}
    think: bool = False
    output: Mapping[str, Any] | None = None

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Each once, in the order in which they come."""
        found = [variable for turn in self.turns for variable in turn.template.variables]
        return tuple({(each.kind, each.name): each for each in reversed(found)}.values())[::-1]

    @property
    def inputs(self) -> tuple[Variable, ...]:
        return tuple(variable for variable in self.variables if variable.kind == "input")

    @property
    def takes_text(self) -> bool:
        return any(variable.kind in OF_TEXT for variable in self.variables)

    @property
    def cap(self) -> int:
        """The most tokens of an answer."""
        cap: int = self.options.get("num_predict", NUM_PREDICT)
        return cap

    @property
    def prompt_hash(self) -> str:
        """Changes with every word of the prompt that is not filled in."""
        return hash_of([asdict(turn) for turn in self.turns])

    def filled(self, given: Given) -> tuple[dict[str, Any], tuple[Message, ...]]:
        """What of `given` the recipe uses, normalised, and the conversation made of it.

        Raises InputRefused when a variable cannot be filled.
        """
        values = _values(given, takes_text=self.takes_text)
        used: dict[str, Any] = {}
        inputs = {name: checked(text) for name, text in given.inputs.items() if text.strip()}
        for variable in self.variables:
            if variable.kind == "input":
                used.setdefault("inputs", {})[variable.name] = inputs.get(variable.name)
            else:
                used["text" if variable.kind in OF_TEXT else variable.kind] = values.get(
                    variable.kind
                )
        safe = {name: unturned(text) for name, text in values.items()}
        safe_inputs = {name: unturned(text) for name, text in inputs.items()}
        messages = tuple(
            Message(turn.role, turn.template.filled(safe, safe_inputs).strip())
            for turn in self.turns
        )
        return used, messages


def _values(given: Given, *, takes_text: bool) -> dict[str, str]:
    values: dict[str, str] = {}
    if takes_text and given.text is not None and given.text.strip():
        values["text"] = checked(given.text)
        if not given.whole:
            values["selection"] = values["text"]
    if given.file is not None:
        values["file"] = checked(given.file)
        values["fileBasename"] = checked(given.file.replace("\\", "/").rpartition("/")[2])
    return values
