"""A recipe's file is a definition, or says what is wrong with it and where."""

from __future__ import annotations

import pytest

from refrain_sidecar.config.located_json import Span
from refrain_sidecar.enrichment.recipes.definition import Turn
from refrain_sidecar.enrichment.recipes.reading import MOST_CHARS, RecipeReading, read_recipe
from refrain_sidecar.enrichment.recipes.template import Template, Variable

WHOLE = """---
description: Give it a title   # a remark
argument-hint: a paragraph
model: qwen3:4b
options: {temperature: 0.2, num_predict: 80, stop: ["\\n\\n"]}
think: true
output:
  type: object
  properties:
    title: {type: string, maxLength: 40}
    mood: {enum: [good, bad]}
  required: [title]
---
## system
You give titles.

## user
Title ${text} of ${fileBasename} for ${input:who:the reader} and ${input:who}, \\${kept}.
"""


def test_everything_in_a_recipe_is_read() -> None:
    reading = read_recipe("title", WHOLE)
    recipe = reading.definition
    assert reading.problems == ()
    assert recipe is not None
    assert recipe.description == "Give it a title"
    assert (recipe.argument_hint, recipe.model, recipe.think) == ("a paragraph", "qwen3:4b", True)
    assert recipe.options == {"temperature": 0.2, "num_predict": 80, "stop": ["\n\n"]}
    assert recipe.output is not None
    assert recipe.output["properties"]["mood"] == {"enum": ["good", "bad"]}
    assert [turn.role for turn in recipe.turns] == ["system", "user"]
    assert recipe.variables == (
        Variable("text"),
        Variable("fileBasename"),
        Variable("input", "who", "the reader"),
    )
    assert recipe.inputs == (Variable("input", "who", "the reader"),)


def test_a_recipe_needs_no_front_matter() -> None:
    reading = read_recipe("plain", "Sum up ${text}\n")
    assert reading.definition is not None
    assert reading.definition.turns == (
        Turn("user", Template(("Sum up ", Variable("text"), "\n"))),
    )


@pytest.mark.parametrize("head", ["---\n---\n", "---\n# nothing\n---\n", "\ufeff---\r\n---\r\n"])
def test_an_empty_front_matter_is_none(head: str) -> None:
    assert read_recipe("plain", head + "Sum up ${text}").problems == ()


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("---\ndescripton: x\n---\np", 1, 12, "did you mean 'description'"),
        ("---\nthink: 7\n---\np", 1, 7, "expected true or false, got 7"),
        ("---\noptions:\n  num_thread: 4\n---\np", 2, 14, "unknown key"),
        ("---\noptions: {temperature: 9}\n---\np", 1, 23, "from 0 to 2"),
        ("---\noptions: {seed: 1.5}\n---\np", 1, 16, "a whole number"),
        ("---\nmodel: a\nmodel: b\n---\np", 2, 0, "given twice"),
        ("---\n- a\n---\np", 1, 0, "keys and values"),
        ("---\nmodel: [\n---\np", 1, 8, "not valid YAML"),
        ("---\nmodel: a\np", 0, 0, "not closed by a line `---`"),
        ("---\nmodel: &a x\n---\np", 1, 7, "anchors"),
        ("---\nmodel: *a\n---\np", 1, 7, "anchors"),
        ("---\nmodel: !!python/name:os.system x\n---\np", 1, 7, "tags"),
        ("---\n<<: {model: a}\n---\np", 1, 0, "a key that is a word"),
        ("---\noutput: {type: text}\n---\np", 1, 15, "expected one of array"),
        ("---\noutput: {type: string, pattern: '(a+)+$'}\n---\np", 1, 32, "'pattern' is not taken"),
        ("---\noutput:\n  $ref: http://127.0.0.1/x\n---\np", 2, 8, "'$ref' is not taken"),
        (
            "---\noutput: {type: object, required: [a], properties: {}}\n---\np",
            1,
            34,
            "none of the",
        ),
        ("---\noutput: {}\n---\np", 1, 0, "at least what `type`"),
        ("---\noutput: s.json\n---\np", 1, 8, "there is no s.json beside it"),
        ("", 0, 0, "there is no prompt"),
        ("---\nthink: true\n---\n  \n", 2, 2, "there is no prompt"),
        ("a ${txt}", 0, 2, "unknown variable ${txt}"),
        ("one\na ${text", 1, 2, "not closed"),
        ("${input}", 0, 0, "an input needs a name"),
        ("${file:x}", 0, 0, "takes nothing after it"),
        ("hello\n## user\n${text}", 0, 0, "before the first role"),
        ("## system\nx\n", 0, 0, "the last role has to be"),
        ("## user\nx\n## system\ny\n## user\nz", 2, 0, "comes first"),
        ("## system\n\n## user\nx", 0, 0, "nothing stands under"),
        ("x" * (MOST_CHARS + 1), 0, 0, "longer than"),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(
    text: str, line: int, column: int, says: str
) -> None:
    reading = read_recipe("broken", text)
    assert reading.definition is None
    problem = reading.problems[0]
    assert says in problem.message
    assert (problem.span.line, problem.span.column) == (line, column)


def test_every_problem_is_told_at_once_in_order() -> None:
    reading = read_recipe("broken", "---\nmodel: 7\nthink: x\n---\n${a} ${text}\n${b")
    assert [problem.span.line for problem in reading.problems] == [1, 2, 4, 5]


def test_a_schema_may_lie_beside_the_recipe() -> None:
    def beside(name: str) -> object:
        assert name == "title.json"
        return {"type": "string"}

    reading = read_recipe("title", "---\noutput: title.json\n---\n${text}", beside)
    assert reading.definition is not None
    assert reading.definition.output == {"type": "string"}


def test_the_place_of_the_model_is_kept() -> None:
    reading: RecipeReading = read_recipe("named", "---\nmodel: qwen3:4b\n---\n${text}")
    assert reading.model_at == Span(1, 7, 15)


def test_words_that_look_like_roles_in_a_text_are_text() -> None:
    reading = read_recipe("docs", "### user\n## User\n## users\n## user stories\nin ${text}")
    assert reading.definition is not None
    assert len(reading.definition.turns) == 1
