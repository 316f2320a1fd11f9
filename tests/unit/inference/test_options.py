from __future__ import annotations

from typing import Any

import pytest

from refrain_sidecar.config.settings import InferenceSettings
from refrain_sidecar.inference.ollama.options import (
    frozen_options,
    reload_causes,
    reloading_options,
    shaping_options,
    stays_loaded,
)


def test_the_option_set_is_whole_and_cannot_be_changed() -> None:
    options: Any = frozen_options(InferenceSettings(num_ctx=4096, temperature=0.3, seed=7), 6)

    assert dict(options) == {
        "num_ctx": 4096,
        "num_thread": 6,
        "temperature": 0.3,
        "seed": 7,
        "top_k": 40,
        "top_p": 0.9,
        "min_p": 0.0,
    }
    with pytest.raises(TypeError):
        options["seed"] = 8


def test_what_only_changes_speed_stays_out_of_a_fingerprint() -> None:
    settings = InferenceSettings()

    assert shaping_options(frozen_options(settings, 2)) == shaping_options(
        frozen_options(settings, 12)
    )
    assert shaping_options({"num_gpu": 1, "num_batch": 8, "keep_alive": 0, "stream": True}) == {}


@pytest.mark.parametrize("zero", [0, "0", "0s", "0m", "0.0s", "0h0m", 0.0, -0.0])
def test_no_time_to_stay_loaded_is_that_between_two_requests(zero: Any) -> None:
    assert stays_loaded(InferenceSettings(keep_alive=zero)) == "2s"


@pytest.mark.parametrize("some", ["30m", "0h1m", "0.5s", "10m", 60, -1, "-1"])
def test_any_other_time_to_stay_loaded_is_kept(some: Any) -> None:
    assert stays_loaded(InferenceSettings(keep_alive=some)) == some


@pytest.mark.parametrize("option", ["num_predict", "num_ctx", "stop", "mirostat", "yet_unknown"])
def test_whatever_else_is_set_belongs_in_a_fingerprint(option: str) -> None:
    assert shaping_options({option: 1, "num_thread": 2}) == {option: 1}


def test_a_reload_is_told_with_what_changes() -> None:
    loaded = reloading_options({"num_ctx": 2048, "num_thread": 6, "temperature": 0.3})

    assert reload_causes(loaded, {"num_ctx": 2048, "num_thread": 6, "temperature": 0.9}) == ()
    assert reload_causes(loaded, {"num_ctx": 4096, "num_gpu": 0}) == (
        "num_ctx 2048 → 4096",
        "num_gpu default → 0",
        "num_thread 6 → default",
    )
