"""Ollama's options and keep_alive, as the engine reads them."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest

from refrain_sidecar.inference.embedded import keep_alive
from refrain_sidecar.inference.embedded.failures import EngineFailure
from refrain_sidecar.inference.embedded.llama import Loading
from refrain_sidecar.inference.embedded.options import loading, sampling

DEFAULT = Loading(num_ctx=2048, num_thread=4)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0.0),
        ("0", 0.0),
        (90, 90.0),
        ("90", 90.0),
        ("30m", 1800.0),
        ("1h30m", 5400.0),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        (-1, math.inf),
        ("-1", math.inf),
        ("-1m", math.inf),
    ],
)
def test_keep_alive(value: Any, expected: float) -> None:
    assert keep_alive.seconds(value) == pytest.approx(expected)


@pytest.mark.parametrize("value", ["", "soon", "1d", "m", "1h-3m", True, [1]])
def test_keep_alive_that_makes_no_sense(value: Any) -> None:
    with pytest.raises(EngineFailure) as refused:
        keep_alive.seconds(value)
    assert refused.value.status == 400


def test_without_options_ollamas_defaults_hold() -> None:
    body = sampling({})
    assert (body["temperature"], body["top_k"], body["top_p"], body["min_p"]) == (0.8, 40, 0.9, 0.0)
    assert (body["n_predict"], body["repeat_penalty"], body["stop"]) == (-1, 1.0, [])


def test_options_are_passed_under_llama_cpps_names() -> None:
    body = sampling({"num_predict": 7, "stop": "END", "seed": 5, "temperature": 0, "top_k": 3.0})
    assert (body["n_predict"], body["stop"], body["seed"]) == (7, ["END"], 5)
    assert (body["temperature"], body["top_k"]) == (0.0, 3)


def test_an_unknown_option_is_told_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert sampling({"wisdom": 11}) == sampling({})
    assert "wisdom" in caplog.text
    caplog.clear()
    sampling({"num_gpu": 0, "num_batch": 512, "num_ctx": 2048})
    assert caplog.text == ""


@pytest.mark.parametrize(
    "options", [{"temperature": "hot"}, {"seed": True}, {"stop": 3}, {"stop": [3]}]
)
def test_options_of_the_wrong_type(options: dict[str, Any]) -> None:
    with pytest.raises(EngineFailure, match="must be of"):
        sampling(options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, DEFAULT),
        ({"num_ctx": None, "num_thread": 0}, DEFAULT),
        ({"num_ctx": 512}, Loading(512, 4)),
        ({"num_thread": 2}, Loading(2048, 2)),
        ({"num_ctx": 4}, Loading(4, 4)),
        ({"num_ctx": 100_000}, Loading(8192, 4)),
        ({"num_ctx": 10**19}, Loading(8192, 4)),
    ],
)
def test_what_decides_a_reload(options: dict[str, Any], expected: Loading) -> None:
    assert loading(options, DEFAULT, trained_ctx=8192) == expected


@pytest.mark.parametrize("num_ctx", [-5, 1, 1.9, 3])
def test_a_context_too_small_is_refused(num_ctx: float) -> None:
    with pytest.raises(EngineFailure, match="num_ctx must"):
        loading({"num_ctx": num_ctx}, DEFAULT, trained_ctx=8192)
    with pytest.raises(EngineFailure, match="num_ctx must"):
        loading({}, Loading(int(num_ctx), 4), trained_ctx=8192)


def test_there_are_never_more_threads_than_cores() -> None:
    most = loading({"num_thread": 100_000}, DEFAULT, trained_ctx=8192).num_thread
    assert most == max(os.cpu_count() or 1, DEFAULT.num_thread)


@pytest.mark.parametrize("name", ["num_predict", "num_keep", "top_k", "repeat_last_n", "mirostat"])
@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1e30, 2**40])
def test_integers_that_llama_cpp_cannot_hold_are_refused(name: str, value: float) -> None:
    with pytest.raises(EngineFailure, match=f'option "{name}" must be between') as refused:
        sampling({name: value})
    assert refused.value.status == 400


def test_a_time_as_a_seed_is_wrapped() -> None:
    assert sampling({"seed": 1_732_492_800_123})["seed"] == 1_732_492_800_123 % 2**32
    assert sampling({"seed": -1})["seed"] == 2**32 - 1
