"""What is a job, and what is only something that lies in the queue."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.queue.errors import JobRefused
from refrain_sidecar.queue.job import (
    MAX_JOB_BYTES,
    MAX_RESULT_BYTES,
    CarriedRecipe,
    Job,
    Seal,
    decoded,
    job_id,
    result_encoded,
)

LINE = {"rid": 1, "normalized_text": "süß"}
RECIPE = {"name": "title", "source": "Title ${text}", "output": {"type": "string"}}
COOKS = {"v": 1, "run": "recipe", "recipe": RECIPE, "line": LINE}
GOOD = {"v": 1, "run": "enrich", "stages": [1, 2], "line": LINE}
OURS, THEIRS, NOBODYS = (
    Seal("refrain", b"ours"),
    Seal("refrain", b"theirs"),
    Seal("refrain", None),
)


def test_a_job_comes_out_as_it_went_in_and_equal_ones_have_one_name() -> None:
    one = Job((1,), LINE).encoded()
    other = Job((1,), dict(reversed(LINE.items()))).encoded()
    assert decoded(one) == Job((1,), LINE)
    assert job_id(one) == job_id(other) != job_id(Job((1, 2), LINE).encoded())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"v": 2}, "another kind or version"),
        ({"v": "1" * 5000}, "another kind or version"),
        ({"run": "rm -rf"}, "another kind or version"),
        ({"run": ["x" * 5000]}, "another kind or version"),
        ({"more": 1}, "keys"),
        ({"stages": [2]}, "stages"),
        ({"stages": [[1]]}, "stages"),
        ({"stages": 1}, "stages"),
        ({"stages": {"1": 2}}, "stages"),
        ({"line": [1]}, "line"),
        ({"line": None}, "line"),
    ],
)
def test_another_message_is_refused_in_few_words(changed: dict[str, object], reason: str) -> None:
    with pytest.raises(JobRefused, match=reason) as refusal:
        decoded(json.dumps({**GOOD, **changed}).encode())
    assert len(str(refusal.value)) < 200


def test_a_recipe_comes_out_as_it_went_in() -> None:
    job = Job(CarriedRecipe("title", "Title ${text}", {"type": "string"}), LINE)
    assert decoded(job.encoded()) == job == decoded(json.dumps(COOKS).encode())
    assert job_id(job.encoded()) != job_id(Job((1,), LINE).encoded())


@pytest.mark.parametrize(
    "changed",
    [
        {"recipe": "title"},
        {"recipe": {**RECIPE, "more": 1}},
        {"recipe": {**RECIPE, "source": None}},
        {"recipe": {**RECIPE, "output": "x.json"}},
        {"stages": [1]},
        {"line": None},
    ],
)
def test_another_recipe_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(JobRefused):
        decoded(json.dumps({**COOKS, **changed}).encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"1" * 5000, "not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b" " * (MAX_JOB_BYTES + 1), "longer than"),
    ],
)
def test_what_is_no_message_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(JobRefused, match=reason):
        decoded(body)


@given(st.binary() | st.text().map(str.encode))
def test_whatever_lies_there_is_a_job_or_refused(body: bytes) -> None:
    for read in (decoded, lambda body: NOBODYS.result("id", body)):
        with pytest.raises(JobRefused):
            read(body)


@given(
    st.fixed_dictionaries(
        {"v": st.just(1), "run": st.sampled_from(("enrich", "recipe"))},
        optional={
            name: st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            )
            for name in ("stages", "recipe", "line")
        },
    )
)
def test_whatever_looks_like_a_job_is_one_or_refused(message: dict[str, object]) -> None:
    try:
        job = decoded(json.dumps(message).encode())
    except JobRefused:
        return
    assert decoded(job.encoded()) == job


def test_only_what_the_secret_sealed_is_believed() -> None:
    body = Job((1,), LINE).encoded()
    OURS.check_job(body, OURS.of_job(body))
    elsewhere = Seal("other", b"ours")
    for seal in (
        "",
        "0" * 64,
        "é",
        THEIRS.of_job(body),
        elsewhere.of_job(body),
        NOBODYS.of_job(body),
    ):
        with pytest.raises(JobRefused, match="not sealed"):
            OURS.check_job(body, seal)
    NOBODYS.check_job(body, "")
    NOBODYS.check_job(body, OURS.of_job(body))


def test_only_a_result_that_was_sealed_for_this_job_is_believed() -> None:
    result = {"rid": 1, "wheel": "half a character \ud83d"}
    body = result_encoded(result)
    written = OURS.on_result("id", body)
    assert OURS.result("id", written) == json.loads(body)
    assert NOBODYS.result("id", written) == NOBODYS.result("id", body) == json.loads(body)
    job_seal = OURS.of_job(body).encode()
    changed = written.replace(b"wheel", b"while")
    for forged in (body, changed, written[:-1], THEIRS.on_result("id", body), job_seal + body):
        with pytest.raises(JobRefused, match="not sealed"):
            OURS.result("id", forged)
    with pytest.raises(JobRefused, match="not sealed"):
        OURS.result("another id", written)
    with pytest.raises(JobRefused, match="longer than"):
        OURS.result("id", OURS.on_result("id", b" " * MAX_RESULT_BYTES))
