"""Help with writing a recipe, as an editor gets it: raw frames, a real sidecar, real files."""

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.framing import Frames
from tests.lsp.test_faults import sidecar

from refrain_sidecar.enrichment.recipes import finding
from refrain_sidecar.enrichment.recipes.reading import head_schema
from refrain_sidecar.enrichment.recipes.template import VARIABLES

DOCUMENTS = int(os.environ.get("REFRAIN_FUZZ_RECIPES", "1000"))
SEED = int(os.environ.get("REFRAIN_FUZZ_SEED", "7"))
SHIPPED = Path(finding.__file__).parent / "shipped"
GOOD = """\
---
description: A title 😀
options:
  temperature: 0.2
---
## system
You give titles.

## user
${text}
"""


@pytest.fixture(autouse=True)
def _no_recipes_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


class Document:
    """A recipe that is open in the editor, and was never saved."""

    def __init__(self, frames: Frames, folder: Path, text: str) -> None:
        self._frames = frames
        self._version = 1
        self.uri = (folder / "title.recipe.md").as_uri()
        item = {"uri": self.uri, "languageId": "markdown", "version": 1, "text": text}
        frames.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})

    def change(self, text: str) -> None:
        self._version += 1
        document = {"uri": self.uri, "version": self._version}
        params = {"textDocument": document, "contentChanges": [{"text": text}]}
        self._frames.send({"method": "textDocument/didChange", "params": params})

    def close(self) -> None:
        params = {"textDocument": {"uri": self.uri}}
        self._frames.send({"method": "textDocument/didClose", "params": params})

    def problems(self) -> list[dict[str, Any]]:
        """What is said next to be wrong."""
        while True:
            message = self._frames.receive()
            if message.get("params", {}).get("uri") == self.uri:
                found: list[dict[str, Any]] = message["params"]["diagnostics"]
                return found

    def at(self, method: str, line: int, character: int) -> Any:
        return self._frames.request(
            method,
            {
                "textDocument": {"uri": self.uri},
                "position": {"line": line, "character": character},
            },
        )["result"]

    def labels(self, line: int, character: int) -> list[str]:
        return [item["label"] for item in self.at("textDocument/completion", line, character)]


def place(line: int, start: int, end: int) -> dict[str, Any]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


def test_what_is_wrong_is_said_while_typing_and_gone_once_mended(tmp_path: Path) -> None:
    with sidecar(tmp_path) as frames:
        recipe = Document(frames, tmp_path, GOOD)
        assert recipe.problems() == []

        recipe.change(GOOD.replace("0.2", "9").replace("${text}", "😀 ${txt}"))
        wrong, unknown = recipe.problems()
        assert wrong["range"] == place(3, 15, 16)
        assert wrong["message"] == "expected a number from 0 to 2, got 9"
        assert (wrong["code"], wrong["severity"], wrong["source"]) == (
            "options.temperature",
            1,
            "refrain",
        )
        # The smile takes two of an editor's columns.
        assert unknown["range"] == place(9, 3, 9)
        assert unknown["message"].startswith("unknown variable ${txt}")

        recipe.change(GOOD.replace("\n", "\r\n"))
        assert recipe.problems() == []
        recipe.change("---\ndescription: [\n---\n")
        assert any("not valid YAML" in each["message"] for each in recipe.problems())
        recipe.close()
        assert recipe.problems() == []


def test_a_schema_beside_the_recipe_is_read_as_it_is_now(tmp_path: Path) -> None:
    text = GOOD.replace("options:\n  temperature: 0.2", "output: title.json")
    with sidecar(tmp_path) as frames:
        recipe = Document(frames, tmp_path, text)
        (problem,) = recipe.problems()
        assert problem["range"] == place(2, 8, 18)
        assert "no such file" in problem["message"]
        (tmp_path / "title.json").write_text('{"type": "string"}')
        recipe.change(text + " ")
        assert recipe.problems() == []


def test_of_models_nobody_knows_nothing_is_said(tmp_path: Path) -> None:
    with sidecar(tmp_path) as frames:
        recipe = Document(frames, tmp_path, GOOD.replace("options:", "model: llama9:1b\noptions:"))
        assert recipe.problems() == []
        assert "smollm2:135m" in recipe.labels(2, 7)


def test_keys_options_and_values_are_offered_with_what_they_mean(tmp_path: Path) -> None:
    with sidecar(tmp_path) as frames:
        recipe = Document(
            frames, tmp_path, "---\ndescription: a\nopt\noptions:\n  \nthink: \n---\n"
        )
        recipe.problems()
        keys = set(head_schema()["properties"])
        assert set(recipe.labels(2, 3)) == keys - {"description", "options", "think"}
        assert set(recipe.labels(4, 2)) == set(head_schema()["properties"]["options"]["properties"])
        assert recipe.labels(5, 7) == ["true", "false"]
        assert recipe.labels(1, 14) == []

        (model,) = [
            item for item in recipe.at("textDocument/completion", 2, 3) if item["label"] == "model"
        ]
        assert model["textEdit"] == {"range": place(2, 0, 3), "newText": "model: "}
        assert "by its name in Ollama" in model["documentation"]["value"]


def test_variables_and_roles_are_offered_in_the_prompt(tmp_path: Path) -> None:
    with sidecar(tmp_path) as frames:
        recipe = Document(frames, tmp_path, "---\n---\n#\n😀 ${te}\nPrice: \\${te\n")
        recipe.problems()
        assert recipe.labels(2, 1) == ["## system", "## user", "## assistant"]
        assert recipe.labels(4, 12) == recipe.labels(3, 2) == recipe.labels(99, 0) == []
        items = recipe.at("textDocument/completion", 3, 7)
        assert [item["label"] for item in items] == [
            "${text}", "${selection}", "${file}", "${fileBasename}", "${input:name}",
        ]  # fmt: skip
        # The bracket that the editor closed by itself goes with what it closed.
        assert items[0]["textEdit"] == {"range": place(3, 3, 8), "newText": "${text}"}
        assert items[0]["documentation"]["value"] == VARIABLES["text"]


def test_hover_says_what_a_key_and_a_variable_are(tmp_path: Path) -> None:
    with sidecar(tmp_path) as frames:
        recipe = Document(frames, tmp_path, GOOD.replace("${text}", "😀 ${input:a:b}"))
        recipe.problems()
        key = recipe.at("textDocument/hover", 3, 4)
        assert key["range"] == place(3, 2, 13)
        assert key["contents"]["value"] == (
            "0 is the surest answer.\n\nExpected: a number from 0 to 2."
        )
        variable = recipe.at("textDocument/hover", 9, 5)
        assert variable["range"] == place(9, 3, 15)
        assert variable["contents"]["value"] == VARIABLES["input"]
        for line, character in ((0, 0), (1, 20), (5, 4), (9, 0), (99, 9)):
            assert recipe.at("textDocument/hover", line, character) is None


def test_other_texts_are_left_alone(tmp_path: Path) -> None:
    with sidecar(tmp_path) as frames:
        uri = (tmp_path / "note.md").as_uri()
        item = {"uri": uri, "languageId": "markdown", "version": 1, "text": "---\nwrong: 1\n---\n$"}
        frames.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
        at = {"textDocument": {"uri": uri}, "position": {"line": 3, "character": 1}}
        assert frames.request("textDocument/completion", at)["result"] == []
        assert frames.request("textDocument/hover", at)["result"] is None
        assert all(said.get("params", {}).get("uri") != uri for said in frames.notifications)


# --- code actions ---------------------------------------------------------------------------


def actions(frames: Frames, uri: str) -> list[dict[str, Any]]:
    item = {"uri": uri, "languageId": "markdown", "version": 1, "text": "Dear diary.\n"}
    frames.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
    found: list[dict[str, Any]] = frames.request(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": uri},
            "range": place(0, 5, 10),
            "context": {"diagnostics": []},
        },
    )["result"]
    return found


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / ".refrain" / "recipes" / f"{name}.recipe.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_recipe_that_can_be_run_on_a_selection_is_an_action(tmp_path: Path) -> None:
    write(tmp_path, "title", GOOD)
    write(tmp_path, "broken", GOOD.replace("0.2", "9"))
    write(tmp_path, "textless", "Say ${input:what}.")
    note = tmp_path / "note.md"
    with sidecar(tmp_path) as frames:
        enrich, *runs = actions(frames, note.as_uri())
    assert enrich["title"] == "Enrich selection"
    # One that asks for something needs a client that can ask.
    assert [run["title"] for run in runs] == [
        f"Run recipe: {name}" for name in ("commit-message", "explain-code", "summarise", "title")
    ]
    command = runs[-1]["command"]
    assert command["command"] == "refrain.server.run"
    assert command["arguments"] == [{"recipe": "title", "text": "diary", "file": str(note)}]

    with sidecar(tmp_path, initialize=False) as frames:
        initialize(frames, tmp_path, {"runCommand": "my.run", "enrichCommand": "my.enrich"})
        enrich, *runs = actions(frames, note.as_uri())
    assert enrich["command"]["command"] == "my.enrich"
    assert "Run recipe: translate" in [run["title"] for run in runs]
    assert {run["command"]["command"] for run in runs} == {"my.run"}


def initialize(frames: Frames, folder: Path, options: dict[str, Any]) -> None:
    params = {
        "processId": None,
        "rootUri": folder.as_uri(),
        "capabilities": {},
        "workspaceFolders": [{"uri": folder.as_uri(), "name": "workspace"}],
        "initializationOptions": options,
    }
    assert "result" in frames.request("initialize", params)


def test_nothing_of_a_workspace_that_is_not_trusted_is_read(tmp_path: Path) -> None:
    write(tmp_path, "title", GOOD)
    write(tmp_path, "summarise", GOOD)
    for options, reads in (({}, True), ({"trusted": False}, False)):
        with sidecar(tmp_path, initialize=False) as frames:
            initialize(frames, tmp_path, options)
            listed = frames.request("refrain/recipes", {})["result"]["recipes"]
            origins = {each["name"]: each["origin"] for each in listed}
            assert ("title" in origins) == reads
            assert origins["summarise"] == ("workspace" if reads else "shipped")
            titles = [each["title"] for each in actions(frames, (tmp_path / "n.md").as_uri())]
            assert ("Run recipe: title" in titles) == reads
            assert "Run recipe: summarise" in titles

            error = frames.request("refrain/run", {"recipe": "title", "text": "a"})["error"]
            assert ("is not trusted" in error["message"]) != reads
            # The configuration says where texts are sent: the workspace's own counts no more.
            stats = frames.request("refrain/stats")["result"]
            assert (str(tmp_path / "cache") in stats["state"]["path"]) == reads

            recipe = Document(frames, tmp_path / ".refrain" / "recipes", GOOD.replace("0.2", "9"))
            recipe.at("textDocument/hover", 3, 4)
            frames.request("refrain/cpuThreads")
            said = [each.get("params", {}).get("uri") for each in frames.notifications]
            assert (recipe.uri in said) == reads


# --- any text -------------------------------------------------------------------------------

PIECES = (
    "---\n", "---", "\n", "\r\n", "\r", "options:", "  ", "\t", "model: ", "think: yes", "output:",
    "output: x.json", "## user\n", "## system", "# ", "${", "}", "$", "${text}", "${input:", "\\${",
    "&a ", "*a", "!!python/object ", "{", "[", "]", ": ", "- ", "'", '"', "|", ">", "%YAML 1.2\n",
    "\x00", "\x0b", "\u2028", "\ufeff", "😀", "é", "9" * 400, "a" * 70_000, "[" * 500, "? ", "<<: ",
)  # fmt: skip


def mutated(seed: int) -> Iterator[tuple[str, int, int]]:
    """Recipes gone wrong without end, and a place in or beyond each."""
    rng = random.Random(seed)
    texts = [GOOD, *(path.read_text("utf-8") for path in sorted(SHIPPED.iterdir()))]
    while True:
        text = rng.choice(texts)
        for _ in range(rng.choice([1, 1, 2, 4])):
            at, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
            match rng.randrange(3):
                case 0:
                    text = text[:at] + rng.choice(PIECES) + text[at:]
                case 1:
                    text = text[:at] + text[min(end, at + 30) :]
                case _:
                    text = text[:at] + text[at:end] * 2 + text[end:]
        yield text, rng.randrange(text.count("\n") + 3), rng.choice([0, 2, 9, 40, 2**31 - 1])


def test_mutated_recipes_are_survived(tmp_path: Path) -> None:
    with sidecar(tmp_path) as frames:
        recipe = Document(frames, tmp_path, GOOD)
        for text, line, character in itertools.islice(mutated(SEED), DOCUMENTS):
            recipe.change(text)
            assert isinstance(recipe.at("textDocument/completion", line, character), list)
            said = recipe.at("textDocument/hover", line, character)
            assert said is None or said["contents"]["value"]
        recipe.change(GOOD)
        while recipe.problems():
            pass
        problems = [
            problem
            for each in frames.notifications
            if each.get("params", {}).get("uri") == recipe.uri
            for problem in each["params"]["diagnostics"]
        ]
        assert len(problems) > DOCUMENTS / 10
