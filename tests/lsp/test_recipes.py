"""Running recipes over the editor's protocol, on the real small model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.framing import Frames
from tests.lsp.test_faults import CANCELLED, CONFIG, refused, sidecar

from refrain_sidecar import protocol
from refrain_sidecar.inference.models import installed

EMBEDDED: dict[str, Any] = CONFIG | {"inference": {"engine": "embedded", "num_threads": 1}}
# A model as small as this one ends no answer by itself; a line does.
LINE = """\
---
options: { temperature: 0, num_predict: 200, stop: ["\\n"] }
---
Say this in one line, as ${input:tone:the tone}: ${selection}
"""
STORY = """\
---
options: { num_predict: 1500, repeat_penalty: 1.1 }
---
Write a very long story about this: ${text}
"""
SHAPED = """\
---
options: { temperature: 0, num_predict: 200 }
output:
  type: object
  properties: { mood: { enum: [good, bad] } }
  required: [mood]
---
What is the mood of this? ${text}
"""
ON = {"text": "The harbour lay still and I was glad of it.", "inputs": {"tone": "a headline"}}


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Frames]:
    """A sidecar with the embedded engine, on a workspace with three recipes."""
    assert installed() is not None, "The model is missing: run `make models`."
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    folder = tmp_path / ".refrain" / "recipes"
    folder.mkdir(parents=True)
    for name, text in (("line", LINE), ("story", STORY), ("shaped", SHAPED)):
        (folder / f"{name}.recipe.md").write_text(text, encoding="utf-8")
    with sidecar(tmp_path, config=EMBEDDED) as running:
        yield running


def run(frames: Frames, recipe: str, **params: Any) -> tuple[dict[str, Any], list[str]]:
    """The response, and the pieces that were told before it."""
    before = len(frames.notifications)
    response = frames.request(protocol.RUN, {"recipe": recipe, "requestId": "r", **ON, **params})
    told = frames.notifications[before:]
    pieces = [each["params"] for each in told if each["method"] == protocol.RUN_PROGRESS]
    assert all(piece["requestId"] == "r" for piece in pieces)
    return response, [piece["text"] for piece in pieces]


def listed(frames: Frames, name: str) -> dict[str, Any]:
    recipes = frames.request(protocol.RECIPES)["result"]["recipes"]
    (found,) = [each for each in recipes if each["name"] == name]
    return dict(found)


def test_a_miss_is_told_piece_by_piece_and_a_hit_at_once(frames: Frames) -> None:
    made, pieces = run(frames, "line")
    result = made["result"]
    assert (result["outcome"], result["kind"], result["recipe"]) == ("miss", "recipe", "line")
    assert result["engine"]["name"] == "embedded"
    assert len(pieces) > 2
    assert "".join(pieces).strip() == result["output"]

    again, pieces = run(frames, "line")
    assert (again["result"]["outcome"], again["result"]["tier"]) == ("hit", "memory")
    assert again["result"]["output"] == result["output"]
    assert again["result"]["savedMs"] > 0
    assert pieces == []
    told = listed(frames, "line")
    assert (told["entries"], told["hits"]) == (1, 1)

    afresh, pieces = run(frames, "line", fresh=True)
    assert afresh["result"]["outcome"] == "miss"
    assert pieces


def test_an_answer_in_json_comes_whole(frames: Frames) -> None:
    made, pieces = run(frames, "shaped")
    assert made["result"]["output"]["mood"] in ("good", "bad")
    assert pieces == []
    assert run(frames, "shaped")[0]["result"]["outcome"] == "hit"


def test_what_cannot_be_filled_is_refused(frames: Frames) -> None:
    refused(run(frames, "line", whole=True)[0], protocol.INPUT_ERROR, "nothing is selected")
    refused(run(frames, "line", inputs={})[0], protocol.INPUT_ERROR, "tone", "was not given")
    refused(run(frames, "nothing")[0], protocol.INPUT_ERROR, "There is no recipe 'nothing'")


def test_cancelling_ends_the_model_and_keeps_nothing(frames: Frames) -> None:
    params = {"recipe": "story", "text": ON["text"], "requestId": "r"}
    frames.send({"id": "cancel me", "method": protocol.RUN, "params": params})
    while frames.receive().get("method") != protocol.RUN_PROGRESS:
        pass
    frames.send({"method": "$/cancelRequest", "params": {"id": "cancel me"}})
    while (message := frames.receive()).get("id") != "cancel me":
        pass
    refused(message, CANCELLED)
    # The engine has one slot: what is asked next would wait for the story's end.
    assert run(frames, "line")[0]["result"]["outcome"] == "miss"
    assert listed(frames, "story")["entries"] == 0


def test_a_recipe_that_is_made_can_be_run_as_it_is(frames: Frames, tmp_path: Path) -> None:
    made = frames.request(protocol.RECIPES, {"new": "title"})["result"]
    path = tmp_path / ".refrain" / "recipes" / "title.recipe.md"
    assert made["written"] == str(path)
    assert path.is_file()
    told = listed(frames, "title")
    assert (told["origin"], told["problems"], told["variables"]) == ("workspace", [], ["text"])
    refused(frames.request(protocol.RECIPES, {"new": "title"}), protocol.INPUT_ERROR, "already")
