"""Recipes made by chance or by a stranger: a diagnostic or a recipe, never more than that."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.enrichment.recipes.definition import Given
from refrain_sidecar.enrichment.recipes.finding import ENDING, IN_WORKSPACE, Folders
from refrain_sidecar.enrichment.recipes.reading import read_recipe
from refrain_sidecar.enrichment.schemas import checker

MUTATIONS = int(os.environ.get("REFRAIN_FUZZ_RECIPES", "1000"))
SOUND = """---
description: Gives a title
argument-hint: a paragraph
options: {temperature: 0.2, num_predict: 80}
think: false
output:
  type: object
  properties:
    title: {type: string, maxLength: 40}
    words: {type: array, items: {type: string}, maxItems: 3}
  required: [title]
---
## system
You give titles.

## user
Title ${text} of ${fileBasename} for ${input:who:the reader}.
"""
PIECES = [
    *("---\n", "---", "${", "}", "${text}", "${input:}", "## user\n", "## system\n", "\n", "\r\n"),
    *(
        "\t",
        "\x00",
        "\ud800",
        "\ufeff",
        "\u2028",
        "é",
        "🎉",
        "{",
        "[",
        "]",
        ": ",
        "- ",
        "&a ",
        "*a",
    ),
    *(
        "*a",
        "!!python/object/apply:os.system ['x']",
        "!",
        "<<: *a\n",
        "? ",
        "|\n",
        ">-\n",
        "'",
        '"',
        "%",
    ),
    *("null", "~", ".inf", "1e999", "0x7", "9" * 400, "2026-11-27", "yes", "$ref: http://x/y", "#"),
    *("pattern: '(a+)+$'", "type: object", "anyOf: [{}]", "model: ../../x", "output: ../x.json"),
]


def mutated(chance: random.Random) -> str:
    text = SOUND
    for _ in range(chance.randint(1, 6)):
        at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        how = chance.randrange(4)
        if how == 0:
            text = text[:at] + chance.choice(PIECES) + text[at:]
        elif how == 1:
            text = text[:at] + text[min(end, at + 40) :]
        elif how == 2:
            text = text[:at] + text[at:end] * chance.randint(2, 4) + text[end:]
        else:
            lines = text.split("\n")
            chance.shuffle(lines)
            text = "\n".join(lines)
    return text


def test_a_mutated_recipe_is_read_or_named() -> None:
    chance = random.Random(13)
    broken = 0
    for _ in range(MUTATIONS):
        text = mutated(chance)
        reading = read_recipe("r", text)
        lines = text.replace("\r\n", "\n").split("\n")
        for problem in reading.problems:
            assert problem.message
            assert 0 <= problem.span.line < len(lines)
            assert problem.span.column < problem.span.end_column
        if reading.definition is None:
            assert reading.problems
            broken += 1
            continue
        with suppress(InputRefused):  # an input of another name
            reading.definition.filled(Given("a text", "/x/y.txt", {"who": "you"}))
        if reading.definition.output is not None:
            checker(reading.definition.output)
    assert MUTATIONS // 10 < broken < MUTATIONS


BOMB = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{','.join(['*' + chr(97 + at)] * 9)}]\n" for at in range(20)
)
HOSTILE = {
    "a bomb of aliases": f"---\n{BOMB}---\n${{text}}",
    "a tag that runs": "---\nmodel: !!python/object/apply:os.system [touch ran]\n---\n${text}",
    "a tag that opens": "---\noutput: !include /etc/passwd\n---\n${text}",
    "a merge": "---\nx: &x {model: y}\n<<: *x\n---\n${text}",
    "a schema elsewhere": "---\noutput: ../../secret.json\n---\n${text}",
    "a schema at the root": "---\noutput: /etc/passwd\n---\n${text}",
    "a schema from the net": "---\noutput: http://127.0.0.1:9/s.json\n---\n${text}",
    "a schema by file URL": "---\noutput: file:///etc/passwd\n---\n${text}",
    "a reference to the net": "---\noutput: {$ref: 'http://127.0.0.1:9/s'}\n---\n${text}",
    "a reference to itself": "---\noutput: {type: array, items: {$ref: '#'}}\n---\n${text}",
    "a pattern without end": "---\noutput: {type: string, pattern: '(a+)+$'}\n---\n${text}",
    "names with code": '---\noutput: {properties: {\'"]);open("ran","w");(["\': 1}}\n---\n${text}',
    "a giant front matter": "---\ndescription: " + "x" * 10_000_000 + "\n---\n${text}",
    "a deep front matter": "---\noutput: " + "[" * 30_000 + "\n---\n${text}",
    "a deep schema": "---\noutput: " + "{items: " * 30 + "1" + "}" * 30 + "\n---\n${text}",
    "options that load anew": "---\noptions: {num_thread: 99, num_gpu: 9}\n---\n${text}",
    "a variable of VS Code's": "${env:HOME} ${command:x} ${config:y} ${workspaceFolder}",
    "a command": "---\ncommand: touch ran\nshell: true\n---\n${text}",
    "tools": "---\ntools: [fetch, run]\n---\n${text}",
    "two documents": "---\nmodel: a\n--- \nmodel: b\n---\n${env:HOME}",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_is_read_run_or_sent_for_a_hostile_one(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.json").write_text('{"type": "string"}')
    there = tmp_path / "work" / IN_WORKSPACE
    there.mkdir(parents=True)
    (there / f"evil{ENDING}").write_text(HOSTILE[what], "utf-8")
    monkeypatch.chdir(tmp_path)

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("it was run or sent")

    for module, name in (
        (os, "system"),
        (subprocess, "Popen"),
        (socket.socket, "connect"),
        (urllib.request, "urlopen"),
    ):
        monkeypatch.setattr(module, name, never)
    opened: list[str] = []
    watching = True

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and isinstance(arguments[0], str):
            opened.append(arguments[0])

    sys.addaudithook(audit)
    try:
        with pytest.raises(InputRefused) as refused:
            Folders((tmp_path / "work",), user=tmp_path / "none").one("evil")
    finally:
        watching = False
    assert "evil" in str(refused.value)
    assert not [
        path for path in opened if path.endswith(("secret.json", "passwd", "s.json", "ran"))
    ]
    assert not list(tmp_path.rglob("ran"))


def test_names_of_properties_are_never_code(tmp_path: Path) -> None:
    """fastjsonschema writes Python from a schema: what stands in it has to stay text."""
    names = [
        '"',
        "'",
        "\\",
        "{x}",
        "{",
        "}}",
        "\n",
        "#",
        "%s",
        '"""',
        "');open('ran','w');('",
        "{variable}",
    ]
    for name in names:
        schema = {
            "type": "object",
            "properties": {name: {"type": "string", "enum": [name], "description": name}},
            "required": [name],
            "additionalProperties": False,
            "title": name,
        }
        check = checker(schema)
        check({name: name})
        with pytest.raises(ValueError, match=r"."):
            check({name: "other"})
        with pytest.raises(ValueError, match=r"."):
            check({})
        assert not (tmp_path / "ran").exists()
