"""One recipe from the command line, a worker and Python: one entry, and one miss."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REFRAIN = [sys.executable, "-m", "refrain_sidecar.cli"]
TEXT = "The ship left at dawn and came back at noon."
BY_PYTHON = f"""
from refrain_sidecar.enrichment import Recipe
print(Recipe("title").run({TEXT!r}))
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    settings = {"inference": {"engine": "embedded", "num_threads": 1}}
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "perf_config.json").write_text(json.dumps(settings))
    recipes = tmp_path / ".refrain" / "recipes"
    recipes.mkdir(parents=True)
    (recipes / "title.recipe.md").write_text(
        "---\ndescription: A title\noptions: {num_predict: 60, temperature: 0}\n---\n"
        "Answer with a title of three words for: ${selection}"
    )
    return tmp_path


def refrain(workspace: Path, *words: str, given: str = "", fails: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [*REFRAIN, *words], cwd=workspace, input=given, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == fails, done.stderr
    return done.stdout, done.stderr


def test_one_entry_for_all(workspace: Path) -> None:
    answer, how = refrain(workspace, "run", "title", given=TEXT)
    assert "MISS" in how
    (workspace / "text.txt").write_text(TEXT)
    again, how = refrain(workspace, "run", "title", "text.txt")
    assert (again, "HIT" in how) == (answer, True)
    printed, _ = refrain(workspace, "run", "title", "--text", TEXT, "--json")
    result = json.loads(printed)
    assert (result["output"], result["outcome"]) == (answer.strip(), "hit")
    line = json.dumps({"rid": 1, "normalized_text": TEXT})
    made, _ = refrain(workspace, "worker", "--recipe", "title", given=line)
    assert json.loads(made)["output"] == answer.strip()
    python = [sys.executable, "-c", BY_PYTHON]
    said = subprocess.run(python, cwd=workspace, capture_output=True, encoding="utf-8", check=True)
    assert said.stdout.strip() == answer.strip()
    why, _ = refrain(workspace, "explain", "--recipe", "title", TEXT)
    assert why.startswith("HIT")
    (title,) = (each for each in _recipes(workspace) if each["name"] == "title")
    assert (title["origin"], title["entries"], title["hits"]) == ("workspace", 1, 4)


def test_recipes_are_made_and_checked(workspace: Path) -> None:
    path, _ = refrain(workspace, "recipes", "new", "notes")
    assert Path(path.strip()) == workspace / ".refrain" / "recipes" / "notes.recipe.md"
    _, looked = refrain(workspace, "recipes", "check")
    assert "6 looked at, 0 with problems" in looked
    Path(path.strip()).write_text("---\nmodle: x\n---\n${text}")
    told, _ = refrain(workspace, "recipes", "check", fails=1)
    assert f"{path.strip()}:2: modle: unknown key; did you mean 'model'?" in told
    Path(path.strip()).write_text("---\nmodel: qwen3:4b\n---\n${text}")
    told, _ = refrain(workspace, "recipes", "check", path.strip(), fails=1)
    assert "no engine has the model 'qwen3:4b'" in told


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["run", "absent"], 1, "There is no recipe 'absent'. There are: commit-message"),
        (["run", "translate"], 1, "${input:language} cannot be filled: it was not given (the"),
        (["run", "translate", "-i", "language"], 2, "is not NAME=VALUE"),
        (["run", "title", "absent.txt"], 1, "absent.txt cannot be used: no such file"),
        (["worker", "--recipe", "absent"], 1, "There is no recipe 'absent'"),
        (["worker", "--queue", "--recipe", "title"], 2, "no SOURCE, OUTPUT or --recipe"),
    ],
)
def test_what_cannot_be_run_is_said(
    workspace: Path, words: list[str], status: int, says: str
) -> None:
    _, told = refrain(workspace, *words, given="x", fails=status)
    assert says in " ".join(told.split())


def test_a_line_that_cannot_be_run_is_named_and_skipped(workspace: Path) -> None:
    lines = [
        {"rid": 1, "normalized_text": TEXT, "inputs": {"a": 7}},
        {"rid": 2, "normalized_text": TEXT, "file": 7},
        {"rid": 3, "normalized_text": TEXT, "timestamp": "2026-11-27T08:00:00"},
    ]
    given = "\n".join(map(json.dumps, lines))
    made, told = refrain(workspace, "worker", "--recipe", "title", given=given, fails=1)
    assert [json.loads(line)["rid"] for line in made.splitlines()] == [3]
    assert 'line 1 skipped: "inputs" must be' in told
    assert 'line 2 skipped: "file" must be' in told


def _recipes(workspace: Path) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(refrain(workspace, "recipes", "--json")[0])[
        "recipes"
    ]
    return listed
