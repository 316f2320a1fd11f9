"""How tokens become scores of the primaries by weights that were fitted beforehand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.enrichment.prompts import SCORE_HASH
from refrain_sidecar.enrichment.stage1 import readout
from refrain_sidecar.enrichment.stage1.readout import (
    Readout,
    centred,
    file_name,
    fitted,
    method_hash,
)
from refrain_sidecar.enrichment.wheel import WHEEL

FAMILY = "llama smollm2 135m"
logprobs = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.floats(-30, 0))


def test_what_counts_is_what_a_token_has_beyond_its_usual_and_the_others() -> None:
    assert centred({"a": -1.0, "b": -4.0}, {"a": -2.0, "b": -3.0}) == {"a": 1.0, "b": -1.0}


def test_a_token_out_of_sight_has_the_least_in_sight_but_no_more_than_its_usual() -> None:
    found = centred({"a": -2.0, "z": -5.0}, {"a": -2.0, "often": -1.0, "rare": -9.0})
    # Their lifts are 0, -4 and 0; the mean of those is -4/3.
    assert found == pytest.approx({"a": 4 / 3, "often": -8 / 3, "rare": 4 / 3})


@given(logprobs, st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(-30, 0)))
def test_what_is_centred_sums_to_nothing_and_knows_only_known_tokens(
    heard: dict[str, float], usual: dict[str, float]
) -> None:
    found = centred(heard, usual)
    assert set(found) == set(usual)
    assert math.isclose(sum(found.values()), 0, abs_tol=1e-9)


def by_hand(**changed: object) -> Readout:
    rows = {"x": [1.0, 0, 0, 0, 0, 0], "y": [0, 2.0, 0, 0, 0, 0]}
    fields: dict[str, object] = {
        "weights": (rows, rows),
        "usual": ({"x": -1.0, "y": -1.0}, {"x": -2.0, "y": -2.0}),
        "bias": [0, 0, 0, 0, 0, 5.0],
        "temperature": 2.0,
        "beside": 1.0,
    }
    return Readout(**{**fields, **changed})  # type: ignore[arg-type]


def test_scores_add_up_over_the_beginnings_and_are_flattened() -> None:
    scores = by_hand().scores([{"x": -1.0, "y": -3.0}, {"x": -2.0, "y": -2.0}])
    assert list(scores) == list(WHEEL.primaries)
    # Of the first beginning x is +1 and y is -1 (of which y's weight makes -2); the second is 0.
    assert list(scores.values()) == [0.5, -1.0, 0, 0, 0, 2.5]


def test_another_number_of_beginnings_is_an_error_and_no_answer() -> None:
    with pytest.raises(ValueError, match="argument"):
        by_hand().scores([{"x": -1.0}])


@pytest.fixture
def readouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that `fitted` looks into."""
    monkeypatch.setattr(readout, "_HERE", tmp_path)
    (tmp_path / "readouts").mkdir()
    fitted.cache_clear()
    method_hash.cache_clear()
    yield tmp_path / "readouts"
    fitted.cache_clear()
    method_hash.cache_clear()


def test_a_readout_belongs_to_a_family_a_way_and_a_prompt(readouts: Path) -> None:
    data = {
        "prompt": "p1",
        "tokens": [["x", "y"], ["x"]],
        "weights": [[[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]], [[0, 0, 1, 0, 0, 0]]],
        "usual": [[-1, -2], [-3]],
        "bias": [0] * 6,
        "temperature": 1.5,
        "beside": 0.5,
    }
    (readouts / "llama-smollm2-135m.logprobs.json").write_text(json.dumps(data))
    found = fitted(FAMILY, "p1", "logprobs")
    assert found is not None
    assert [dict(usual) for usual in found.usual] == [{"x": -1, "y": -2}, {"x": -3}]
    assert found.weights[1]["x"] == [0, 0, 1, 0, 0, 0]
    assert found.temperature == 1.5
    assert found.beside == 0.5
    assert fitted(FAMILY, "p2", "logprobs") is None, "another prompt"
    assert fitted(FAMILY, "p1", "top_logprobs") is None, "another way"
    assert fitted("llama smollm2 360m", "p1", "logprobs") is None, "another family"
    assert fitted("", "p1", "logprobs") is None, "nobody says what it is"


def test_another_readout_is_another_method(readouts: Path) -> None:
    (readouts / "llama.logprobs.json").write_text("{}")
    first = method_hash()
    method_hash.cache_clear()
    assert method_hash() == first
    (readouts / "llama.logprobs.json").write_text("[]")
    method_hash.cache_clear()
    assert method_hash() != first


def test_a_family_and_a_way_name_a_file() -> None:
    assert file_name(FAMILY, "top_logprobs") == "llama-smollm2-135m.top_logprobs.json"


def test_every_readout_that_comes_with_the_package_fits_the_wheel_and_the_prompt() -> None:
    folder = files("refrain_sidecar.enrichment.stage1").joinpath("readouts")
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.name == "wording.json":
            continue
        family, way, _ = file.name.rsplit(".", 2)
        fitted.cache_clear()
        found = fitted(family, SCORE_HASH, way)  # type: ignore[arg-type]
        assert found is not None, f"{file.name} belongs to another prompt: fit it anew"
        assert len(found.bias) == len(WHEEL.primaries)
        assert found.temperature > 0
        for weights, usual in zip(found.weights, found.usual, strict=True):
            assert set(weights) == set(usual)
            assert {len(row) for row in weights.values()} == {len(WHEEL.primaries)}
