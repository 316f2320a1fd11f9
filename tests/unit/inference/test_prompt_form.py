"""A chat template, taken apart from how it renders one conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from refrain_sidecar.inference.ollama.messages import Message
from refrain_sidecar.inference.prompt_form import PromptForm, of_family, sample, taken_apart

Render = Callable[[Sequence[Message]], str]

SYSTEM, ASKED, SAID = Message("system", "S"), Message("user", "Q1"), Message("assistant", "A1")
AGAIN, BEGUN = Message("user", "Q2"), Message("assistant", "The writer")


def turns(form: str, end: str, last: str) -> Render:
    """A template that writes every turn alike, as ChatML does, and `last` before the answer."""
    return lambda messages: (
        "".join(form.format(role=it.role) + it.content + end for it in messages) + last
    )


chatml = turns("<|im_start|>{role}\n", "<|im_end|>\n", "<|im_start|>assistant\n")


def llama3(messages: Sequence[Message]) -> str:
    head = "<|start_header_id|>{role}<|end_header_id|>\n\n"
    last = head.format(role="assistant")
    return "<|begin_of_text|>" + turns(head, "<|eot_id|>", last)(messages)


def gemma(messages: Sequence[Message]) -> str:
    """No place for instructions: they begin the first question."""
    instructions = "".join(f"{it.content}\n\n" for it in messages if it.role == "system")
    written = ""
    for message in messages:
        if message.role != "system":
            role = "user" if message.role == "user" else "model"
            written += f"<start_of_turn>{role}\n{instructions}{message.content}<end_of_turn>\n"
            instructions = ""
    return written + "<start_of_turn>model\n"


def mistral(messages: Sequence[Message]) -> str:
    """Moves the instructions into the last question."""
    instructions = "".join(f"{it.content}\n\n" for it in messages if it.role == "system")
    written = "<s>"
    for message in messages:
        if message.role == "user":
            before = instructions if message is messages[-1] else ""
            written += f"[INST] {before}{message.content}[/INST]"
        elif message.role == "assistant":
            written += f" {message.content}</s>"
    return written


def deaf_to_instructions(messages: Sequence[Message]) -> str:
    return chatml([message for message in messages if message.role != "system"])


def harmony(messages: Sequence[Message]) -> str:
    """What gpt-oss is asked by. Instructions are a developer's, after a system part of its own."""
    written = "<|start|>system<|message|>You are ChatGPT.\nReasoning: medium<|end|>"
    for message in messages:
        head = {
            "system": "<|start|>developer<|message|># Instructions\n\n",
            "user": "<|start|>user<|message|>",
            "assistant": "<|start|>assistant<|channel|>final<|message|>",
        }[message.role]
        written += f"{head}{message.content}<|end|>"
    return written + "<|start|>assistant"


def deepseek_r1(messages: Sequence[Message]) -> str:
    written = "<｜begin▁of▁sentence｜>"
    for message in messages:
        head = {"system": "", "user": "<｜User｜>", "assistant": "<｜Assistant｜>"}[message.role]
        end = "<｜end▁of▁sentence｜>" if message.role == "assistant" else ""
        written += f"{head}{message.content}{end}"
    return f"{written}<｜Assistant｜><think>\n"


qwen3_not_thinking = turns(
    "<|im_start|>{role}\n", "<|im_end|>\n", "<|im_start|>assistant\n<think>\n\n</think>\n\n"
)


def form_of(render: Render, *, system: bool = True) -> PromptForm:
    form = taken_apart(render(sample(system=system)))
    assert form is not None
    return form


@pytest.mark.parametrize("render", [chatml, llama3, gemma, deaf_to_instructions])
@pytest.mark.parametrize(
    "asked", [(SYSTEM, ASKED), (SYSTEM, ASKED, SAID, AGAIN), (ASKED, SAID, AGAIN), (ASKED,)]
)
def test_a_prompt_reads_as_the_template_renders_it(
    render: Render, asked: tuple[Message, ...]
) -> None:
    written = form_of(render, system=SYSTEM in asked).prompt(asked)
    if render is deaf_to_instructions:
        assert written == chatml(asked).replace(
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n", "<|im_start|>user\nS\n\n"
        ), "instructions that would be lost begin the first question"
    else:
        assert written == render(asked)
    begun = form_of(render, system=SYSTEM in asked).prompt((*asked, BEGUN))
    assert begun == written + BEGUN.content, "and ends where the answer has begun"


def test_a_template_that_moves_the_instructions_is_read_without() -> None:
    assert taken_apart(mistral(sample(system=True))) is None
    form = form_of(mistral, system=False)
    assert form.prompt((ASKED, SAID, AGAIN, BEGUN)) == f"{mistral((ASKED, SAID, AGAIN))}The writer"
    assert form.prompt((SYSTEM, ASKED, SAID, AGAIN)) == (
        "<s>[INST] S\n\nQ1[/INST] A1</s>[INST] Q2[/INST]"
    )


@pytest.mark.parametrize(
    "render",
    [
        pytest.param(lambda messages: chatml(messages[:1] + messages[2:]), id="a question is lost"),
        pytest.param(lambda messages: chatml(messages[:-2]), id="the turn before is lost"),
        pytest.param(lambda messages: chatml((*messages, messages[-1])), id="a text is doubled"),
        pytest.param(lambda messages: chatml(messages[::-1]), id="backwards"),
        pytest.param(lambda messages: chatml(messages).upper(), id="changed"),
        pytest.param(lambda _: "", id="nothing"),
    ],
)
def test_a_template_that_loses_doubles_or_moves_a_text_has_no_form(render: Render) -> None:
    assert taken_apart(render(sample(system=True))) is None


def test_a_thinking_part_that_the_template_closes_stands_before_the_answer_only() -> None:
    form = form_of(qwen3_not_thinking)
    written = form.prompt((SYSTEM, ASKED, SAID, AGAIN, BEGUN))
    assert written == qwen3_not_thinking((SYSTEM, ASKED, SAID, AGAIN)) + "The writer"
    assert written.count("<think>") == 1


def test_a_thinking_part_that_the_template_opens_is_closed() -> None:
    form = form_of(deepseek_r1)
    assert form.to_answer == "<｜Assistant｜><think>\n\n</think>\n\n"
    assert form.prompt((SYSTEM, ASKED, SAID, AGAIN, BEGUN)).endswith(
        "Q2<｜Assistant｜><think>\n\n</think>\n\nThe writer"
    )
    assert "<think>" not in form.after_asked


def test_harmony_is_led_to_its_final_channel() -> None:
    form = form_of(harmony)
    assert form.to_answer == form.after_asked
    assert form.prompt((SYSTEM, ASKED, SAID, AGAIN, BEGUN)) == (
        f"{harmony((SYSTEM, ASKED, SAID, AGAIN))}<|channel|>final<|message|>The writer"
    )


FAMILIES = {
    "{{ range .Messages }}<|im_start|>{{ .Role }}": chatml,
    "<|start_header_id|>system<|end_header_id|>": lambda it: llama3(it).removeprefix(
        "<|begin_of_text|>"
    ),
    "<start_of_turn>user": gemma,
    "<|{{ .Role }}|><|end|>": turns("<|{role}|>\n", "<|end|>\n", "<|assistant|>\n"),
}


@pytest.mark.parametrize("template", FAMILIES)
def test_a_family_is_known_by_its_template(template: str) -> None:
    form = of_family(template)
    assert form is not None
    asked = (SYSTEM, ASKED, SAID, AGAIN)
    assert form.prompt(asked) == FAMILIES[template](asked)


def test_of_mistrals_family_instructions_begin_the_first_question() -> None:
    form = of_family("{{ if .System }}[INST] {{ .System }}")
    assert form is not None
    assert form.prompt((SYSTEM, ASKED, SAID, AGAIN, BEGUN)) == (
        "[INST] S\n\nQ1[/INST] A1</s>[INST] Q2[/INST] The writer"
    )


@pytest.mark.parametrize("template", ["", "{{ .Prompt }}", "### Instruction:\n{{ .Prompt }}"])
def test_of_an_unknown_family_there_is_no_form(template: str) -> None:
    assert of_family(template) is None
