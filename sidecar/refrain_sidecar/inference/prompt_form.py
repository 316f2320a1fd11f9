"""How a model wants a conversation written: its chat template, taken apart. Pure.

Sent raw, a prompt in this form ends where we say: what an assistant has begun is gone on with,
which many templates do not do for a chat (they close the turn and open another).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from refrain_sidecar.inference.ollama.messages import Message

# No tokenizer, template or filter changes such words, and none stands in a template.
_SYSTEM, _ASKED, _SAID, _ASKED_AGAIN = "RfnSystemQ", "RfnAskedQ", "RfnSaidQ", "RfnAgainQ"


@frozen
class PromptForm:
    """What stands around the texts of a conversation.

    `after_system` is None where the template has no place for instructions: they then begin the
    first question. `after_asked` leads to an answer in the middle of the conversation, `to_answer`
    to the one that is wanted: the last may close a thinking part that was not asked for.
    """

    begin: str
    after_system: str | None
    after_asked: str
    after_said: str
    to_answer: str

    def prompt(self, messages: Sequence[Message]) -> str:
        """`messages` (system, then user and assistant by turns) as one text.

        A last message of the assistant's is left open, to be gone on with.
        """
        written, instructions = self.begin, ""
        for at, message in enumerate(messages):
            left = len(messages) - at - 1
            if message.role == "system":
                if self.after_system is None:
                    instructions = f"{message.content}\n\n"
                else:
                    written += message.content + self.after_system
            elif message.role == "user":
                answered = left > 1 or (left == 1 and messages[-1].role == "user")
                written += instructions + message.content
                written += self.after_asked if answered else self.to_answer
                instructions = ""
            else:
                written += message.content + (self.after_said if left else "")
        return written


def sample(*, system: bool) -> tuple[Message, ...]:
    """A conversation whose rendering `taken_apart` reads, with or without instructions."""
    said = (Message("user", _ASKED), Message("assistant", _SAID), Message("user", _ASKED_AGAIN))
    return (Message("system", _SYSTEM), *said) if system else said


def taken_apart(rendered: str) -> PromptForm | None:
    """The form in which `sample` was rendered; None if a text of it is lost, doubled or moved."""
    marks = [_ASKED, _SAID, _ASKED_AGAIN]
    if _SYSTEM in rendered:
        marks.insert(0, _SYSTEM)
    if any(rendered.count(mark) != 1 for mark in marks):
        return None
    parts: list[str] = []
    rest = rendered
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found:
            return None
        parts.append(before)
    begin, *after_system, after_asked, after_said = parts
    return PromptForm(
        begin,
        after_system[0] if after_system else None,
        after_asked,
        after_said,
        to_answer=rest + _past_thinking(rest),
    )


def _past_thinking(to_answer: str) -> str:
    """What takes a model that would think first to its answer."""
    if to_answer.rstrip().endswith("<think>"):
        return "\n</think>\n\n"
    # Of gpt-oss' channels the first is for thinking, unless another is named.
    return "<|channel|>final<|message|>" if to_answer.endswith("<|start|>assistant") else ""


def _turns(begin: str, role: str, end: str, *, system: str | None = None) -> PromptForm:
    """A form in which each turn is `role` with its name filled in, a text, and `end`."""
    asked, said = role.format("user"), role.format("assistant")
    return PromptForm(
        begin=begin + (asked if system is None else system),
        after_system=None if system is None else end + asked,
        after_asked=end + said,
        after_said=end + asked,
        to_answer=end + said,
    )


# The families of templates that most models have, by a mark in the template, for servers that
# render none for us (Ollama before 0.12). From the model cards of one model of each.
_FAMILIES: tuple[tuple[str, PromptForm], ...] = (
    (
        "<|im_start|>",
        _turns("", "<|im_start|>{}\n", "<|im_end|>\n", system="<|im_start|>system\n"),
    ),
    (
        "<|start_header_id|>",
        _turns(
            "",
            "<|start_header_id|>{}<|end_header_id|>\n\n",
            "<|eot_id|>",
            system="<|start_header_id|>system<|end_header_id|>\n\n",
        ),
    ),
    (
        "<start_of_turn>",
        PromptForm(
            begin="<start_of_turn>user\n",
            after_system=None,
            after_asked="<end_of_turn>\n<start_of_turn>model\n",
            after_said="<end_of_turn>\n<start_of_turn>user\n",
            to_answer="<end_of_turn>\n<start_of_turn>model\n",
        ),
    ),
    (
        "<|end|>",
        _turns("", "<|{}|>\n", "<|end|>\n", system="<|system|>\n"),
    ),
    (
        "[INST]",
        PromptForm(
            begin="[INST] ",
            after_system=None,
            after_asked="[/INST] ",
            after_said="</s>[INST] ",
            to_answer="[/INST] ",
        ),
    ),
)


def of_family(template: str) -> PromptForm | None:
    """The form of the family that a model's `template` (as /api/show gives it) belongs to."""
    return next((form for mark, form in _FAMILIES if mark in template), None)
